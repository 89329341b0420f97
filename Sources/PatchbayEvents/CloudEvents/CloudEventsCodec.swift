import CPatchbay
import CPatchbayJSON

/// Decodes events from JSON text where they come one by one or as a batch: sending, explaining, tests.
///
/// Belongs to one thread at a time; keeps its memory between calls. Lines by the million go through `pbj_decode`.
/// - Source: CloudEvents 1.0.2, JSON event format and JSON batch format
package final class CloudEventsCodec {
    private let decoder: OpaquePointer
    private let batch: EventBatch
    private let reader: JSONReader

    /// - Parameters:
    ///   - eventBytes: longest event, in bytes.
    ///   - nesting: how many arrays and objects of an event may be open at once, its own object included.
    package init(eventBytes: Int = 1 << 20, nesting: Int = 64) {
        let limits = pbj_limits(event_bytes: UInt32(clamping: eventBytes), nesting: UInt32(clamping: nesting))
        decoder = pbj_decoder_new(limits, nil)
        batch = EventBatch(source: 0, textCapacity: 1 << 12)
        reader = JSONReader(nesting: nesting == .max ? nesting : nesting + 1)
    }

    /// For events that a log holds: they were accepted under whatever limits there were.
    package static func ofStored() -> CloudEventsCodec { CloudEventsCodec(eventBytes: 1 << 30, nesting: 1 << 16) }

    deinit { pbj_decoder_free(decoder) }

    /// One event (`application/cloudevents+json`), on one line or over many.
    package func event(_ text: [UInt8]) throws(CloudEventsError) -> Event {
        try text.withUnsafeBufferPointer { bytes throws(CloudEventsError) in try event(UnsafeRawBufferPointer(bytes)) }
    }

    /// One event, on one line or over many.
    package func event(_ text: UnsafeRawBufferPointer) throws(CloudEventsError) -> Event {
        guard text.contains(where: { !$0.isJSONSpace }) else {
            throw CloudEventsError(code: .notJSON, message: "not JSON at byte 0: there is nothing")
        }
        batch.reset()
        batch.growText(to: text.count)
        batch.textCount = text.count
        // The decoder ends an event at a line's end. A tab is whitespace wherever a line end is, and as wrong inside
        // strings, so neither verdict nor offsets change.
        for (index, byte) in text.enumerated() {
            batch.text[index] = CChar(bitPattern: byte == 0x0A || byte == 0x0D ? 0x09 : byte)
        }
        var call = batch.request(upTo: text.count, events: 1)
        pbj_decode(decoder, &call)
        let view = BatchView(batch)
        guard batch.events[0].error == 0 else { throw view.error(of: batch.events[0]) }
        return view.event(0)
    }

    /// The events of a batch (`application/cloudevents-batch+json`), which may be empty; all of them or an error.
    package func batch(_ text: [UInt8]) throws(CloudEventsError) -> [Event] {
        if let error = text.withUnsafeBytes({ reader.check($0) }) { throw error }
        guard let elements = JSONElements(of: text) else {
            throw CloudEventsError(code: .wrongShape, message: "not a JSON array")
        }
        var events: [Event] = []
        for (index, range) in elements.ranges.enumerated() {
            do throws(CloudEventsError) {
                events.append(try event(Array(text[range])))
            } catch {
                throw CloudEventsError(
                    code: error.code, message: "event \(index + 1) of the batch: \(error.message)",
                    attribute: error.attribute, offset: range.lowerBound + error.offset)
            }
        }
        return events
    }
}

/// Where the elements of a valid JSON array lie; `nil` when the text is no array.
private struct JSONElements {
    private(set) var ranges: [Range<Int>] = []

    init?(of text: [UInt8]) {
        guard let open = text.firstIndex(where: { !$0.isJSONSpace }), text[open] == UInt8(ascii: "[") else {
            return nil
        }
        var depth = 0
        var start: Int?
        var inString = false
        var index = open
        while index < text.count {
            let byte = text[index]
            if inString {
                if byte == UInt8(ascii: "\\") { index += 1 }
                inString = byte != UInt8(ascii: "\"")
            } else {
                let closes = byte == UInt8(ascii: "]") || byte == UInt8(ascii: "}")
                if closes { depth -= 1 }
                if let first = start, depth == 0 || (depth == 1 && byte == UInt8(ascii: ",")) {
                    ranges.append(first..<index)
                    start = nil
                } else if depth == 1, start == nil, !closes, !byte.isJSONSpace {
                    start = index
                }
                if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") { depth += 1 }
                inString = byte == UInt8(ascii: "\"")
            }
            index += 1
        }
    }
}

extension UInt8 {
    /// Whitespace of JSON.
    var isJSONSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}
