import CPatchbay
import CPatchbayJSON
import PatchbayEvents

/// One record of a decoded batch, copied out.
struct DecodedLine {
    var record: pbj_event
    var event: Event
    /// The error's text; empty when the line was accepted.
    var message: String
    /// One per path of the plan; `nil` is absent.
    var slots: [Value?]
    var text: String

    var isAccepted: Bool { record.error == 0 }
}

/// Decodes texts line by line through the C decoder, with a plan of the paths given.
final class LineDecoder {
    private let decoder: OpaquePointer
    private let plan = FieldPlan()
    private let slotCount: Int

    init(paths: [[String]] = [], eventBytes: UInt32 = 1 << 20, nesting: UInt32 = 64) {
        for path in paths { _ = plan.slot(of: path) }
        slotCount = plan.count
        decoder = pbj_decoder_new(pbj_limits(event_bytes: eventBytes, nesting: nesting), plan.handle)
    }

    deinit { pbj_decoder_free(decoder) }

    /// All records of `text`, in calls of at most `capacity` events and `extensions` attributes. What follows the text
    /// in memory is `filler`, so that reading on into it would show.
    func decode(
        _ text: [UInt8], capacity: UInt32 = 512, extensions: UInt32 = 4096, filler: UInt8 = UInt8(ascii: "}"),
        envelope: (type: String, source: String, prefix: String, first: UInt64)? = nil
    ) throws -> [DecodedLine] {
        let batch = EventBatch(source: 0, textCapacity: max(text.count, 1))
        for (index, byte) in text.enumerated() { batch.text[index] = CChar(bitPattern: byte) }
        (batch.text + text.count).update(repeating: CChar(bitPattern: filler), count: EventBatch.padding)
        let fields = UnsafeMutablePointer<pbj_field>.allocate(capacity: Int(capacity) * slotCount + 1)
        defer { fields.deallocate() }
        var found: [DecodedLine] = []
        var call = pbj_batch()
        var linesBefore: UInt32 = 0
        while call.consumed < UInt32(text.count) {
            call.text = UnsafePointer(batch.text)
            (call.start, call.end) = (call.consumed, UInt32(text.count))
            (call.events, call.ext, call.fields) = (batch.events, batch.extensions, fields)
            (call.capacity, call.ext_capacity, call.arena) = (capacity, extensions, batch.arena)
            decode(&call, envelope)
            let view = BatchView(batch)
            let reader = JSONReader(nesting: 1000)
            for index in 0..<Int(call.count) {
                var record = batch.events[index]
                let slots = try (0..<slotCount).map { try reader.value(fields[index * slotCount + $0]) }
                let message = record.error == 0 ? "" : view.error(of: record).message
                let event = view.event(index)
                record.line_index += linesBefore
                found.append(
                    DecodedLine(
                        record: record, event: event, message: message, slots: slots,
                        text: String(view.bytes(record.line))))
            }
            linesBefore += call.lines
            guard call.consumed > call.start else { break }
        }
        return found
    }

    func decode(_ text: String) throws -> [DecodedLine] { try decode(Array(text.utf8)) }

    /// The only record of a text of one line.
    func line(_ text: String) throws -> DecodedLine {
        let found = try decode(text)
        guard found.count == 1, let line = found.first else { throw HarnessError.recordCount(found.count) }
        return line
    }

    private func decode(
        _ call: inout pbj_batch, _ envelope: (type: String, source: String, prefix: String, first: UInt64)?
    ) {
        guard let envelope else {
            call.envelope = nil
            return pbj_decode(decoder, &call)
        }
        var (type, source, prefix) = (envelope.type, envelope.source, envelope.prefix)
        func text(_ bytes: UnsafeBufferPointer<UInt8>) -> patchbay_str {
            patchbay_str(
                ptr: UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self),
                len: UInt64(bytes.count))
        }
        type.withUTF8 { type in
            source.withUTF8 { source in
                prefix.withUTF8 { prefix in
                    var envelope = pbj_envelope(
                        type: text(type), source: text(source), id_prefix: text(prefix), id_first: envelope.first)
                    withUnsafePointer(to: &envelope) { pointer in
                        call.envelope = pointer
                        pbj_decode(decoder, &call)
                    }
                }
            }
        }
    }
}

enum HarnessError: Error {
    case recordCount(Int)
}

/// A CloudEvents object with the four required attributes and what is added.
func line(_ added: String = "") -> String {
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\"\(added.isEmpty ? "" : ",")\(added)}"
}

/// SplitMix64, so that a failure's seed brings it back.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
