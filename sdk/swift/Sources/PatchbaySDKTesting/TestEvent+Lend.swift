import CPatchbay
import PatchbaySDK

/// An event in memory of its own, so that a memory checker sees a handler that keeps it past its call.
struct LentEvent {
    let event: UnsafeMutablePointer<patchbay_event>
    private let text: UnsafeMutableRawBufferPointer
    private let pairs: UnsafeMutableBufferPointer<patchbay_kv>

    init(_ from: TestEvent) {
        let texts = [
            from.id, from.source, from.type, from.subject, from.time, from.dataContentType, from.dataSchema,
            from.idempotencyKey, "test",
        ]
        let attributes = from.attributes.sorted { $0.key < $1.key }
        let all =
            texts.map { Array($0.utf8) } + attributes.flatMap { [Array($0.key.utf8), Array($0.value.utf8)] } + [
                from.data
            ]
        text = .allocate(byteCount: max(1, all.reduce(0) { $0 + $1.count }), alignment: 1)
        pairs = .allocate(capacity: attributes.count)
        event = .allocate(capacity: 1)
        var views: [patchbay_str] = []
        var offset = 0
        for bytes in all {
            UnsafeMutableRawBufferPointer(rebasing: text[offset...]).copyBytes(from: bytes)
            let start = text.baseAddress.map { UnsafeRawPointer($0 + offset).assumingMemoryBound(to: CChar.self) }
            views.append(patchbay_str(ptr: start, len: UInt64(bytes.count)))
            offset += bytes.count
        }
        for index in attributes.indices {
            pairs.initializeElement(
                at: index, to: patchbay_kv(key: views[9 + 2 * index], value: views[10 + 2 * index]))
        }
        var event = patchbay_event()
        event.size = UInt32(MemoryLayout<patchbay_event>.size)
        (event.id, event.source, event.type, event.subject) = (views[0], views[1], views[2], views[3])
        (event.time, event.datacontenttype, event.dataschema) = (views[4], views[5], views[6])
        (event.idempotency_key, event.route) = (views[7], views[8])
        event.ext = UnsafePointer(pairs.baseAddress)
        event.ext_count = UInt64(pairs.count)
        event.data = views.last.flatMap { UnsafeRawPointer($0.ptr)?.assumingMemoryBound(to: UInt8.self) }
        event.data_len = UInt64(from.data.count)
        event.attempt = UInt32(clamping: from.attempt)
        event.max_attempts = UInt32(clamping: from.attemptsMax)
        self.event.initialize(to: event)
    }

    func free() {
        event.deallocate()
        text.deallocate()
        pairs.deallocate()
    }
}

extension String {
    init(_ text: patchbay_str) {
        let start = UnsafeRawPointer(text.ptr)?.assumingMemoryBound(to: UInt8.self)
        self = String(decoding: UnsafeBufferPointer(start: start, count: Int(text.len)), as: UTF8.self)
    }
}

extension Dictionary where Key == String, Value == String {
    init(_ pairs: UnsafePointer<patchbay_kv>?, _ count: UInt64) {
        let pairs = UnsafeBufferPointer(start: pairs, count: Int(count))
        self.init(pairs.map { (String($0.key), String($0.value)) }, uniquingKeysWith: { $1 })
    }
}

extension EventDraft {
    init(_ draft: patchbay_draft) {
        let data = Array(UnsafeBufferPointer(start: draft.data, count: Int(draft.data_len)))
        self.init(
            type: String(draft.type), subject: String(draft.subject), data: data,
            dataContentType: String(draft.datacontenttype))
        source = String(draft.source)
        id = String(draft.id)
        attributes = [String: String](draft.ext, draft.ext_count)
        notBeforeNanoseconds = draft.not_before_ns
    }
}
