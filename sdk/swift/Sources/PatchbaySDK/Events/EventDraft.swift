import CPatchbay

/// An event to be emitted, or to be delivered by a timer.
public struct EventDraft: Sendable {
    /// Such as `com.acme.payment.captured`; required.
    public var type: String
    /// Empty: the handler's own.
    public var source = ""
    /// What the event is about within its source; may be empty.
    public var subject: String
    /// Empty: derived from the event being handled, the handler and the number of drafts before this one, so that a
    /// rerun repeats it. An id of your own must be as repeatable.
    public var id = ""
    /// Media type of `data`; empty with data: `application/json`.
    public var dataContentType: String
    /// Extension attributes: names of a-z and 0-9. Trace and causation are filled in by the host.
    public var attributes: [String: String] = [:]
    /// The payload's bytes.
    public var data: [UInt8]
    /// Held back until then, in nanoseconds since the Unix epoch; 0: at once.
    public var notBeforeNanoseconds: UInt64 = 0

    /// A draft with JSON data.
    public init(type: String, subject: String = "", json: JSON) {
        self.init(type: type, subject: subject, data: Array(json.description.utf8), dataContentType: "application/json")
    }

    /// A draft with data in any format, or without data.
    public init(type: String, subject: String = "", data: [UInt8] = [], dataContentType: String = "") {
        self.type = type
        self.subject = subject
        self.data = data
        self.dataContentType = dataContentType
    }

    /// Lends the draft to the host for the duration of `body`.
    func withDraft(_ body: (UnsafePointer<patchbay_draft>) -> patchbay_status) -> patchbay_status {
        let texts = [type, source, subject, id, dataContentType]
        var joined: [UInt8] = []
        var places: [(Int, Int)] = []
        for text in texts {
            places.append((joined.count, text.utf8.count))
            joined.append(contentsOf: text.utf8)
        }
        return joined.withUnsafeBytes { raw in
            func text(_ index: Int) -> patchbay_str {
                let start = raw.baseAddress.map { ($0 + places[index].0).assumingMemoryBound(to: CChar.self) }
                return patchbay_str(ptr: start, len: UInt64(places[index].1))
            }
            return data.withUnsafeBufferPointer { data in
                withPairs(attributes.sorted(by: { $0.key < $1.key }).map { ($0.key, $0.value) }) { pairs, count in
                    var draft = patchbay_draft(
                        size: UInt32(MemoryLayout<patchbay_draft>.size), flags: 0, type: text(0), source: text(1),
                        subject: text(2), id: text(3), datacontenttype: text(4), ext: pairs, ext_count: count,
                        data: data.baseAddress, data_len: UInt64(data.count), not_before_ns: notBeforeNanoseconds)
                    return body(&draft)
                }
            }
        }
    }
}
