import CPatchbayJSON
import PatchbayEvents
import PatchbayLog

/// Makes batches of lines that were accepted before. One thread.
final class StoredDecoder {
    private let decoder: OpaquePointer
    private let plan = FieldPlan()

    /// Of what was within its limits when it came in.
    static let limits = pbj_limits(event_bytes: 1 << 30, nesting: 1 << 16)

    init() { decoder = pbj_decoder_new(Self.limits, plan.handle) }

    deinit { pbj_decoder_free(decoder) }

    /// Adds a line to a batch's text, which has room for it and its end.
    static func append(_ line: UnsafeRawBufferPointer, to batch: EventBatch) {
        UnsafeMutableRawPointer(batch.text + batch.textCount).copyMemory(
            from: line.baseAddress ?? UnsafeRawPointer(batch.text), byteCount: line.count)
        batch.text[batch.textCount + line.count] = 0x0A
        batch.textCount += line.count + 1
    }

    /// Makes events of the `count` lines of the batch's text.
    func decode(_ batch: EventBatch, _ count: Int) throws(LogFormatError) {
        var request = batch.request(upTo: batch.textCount)
        pbj_decode(decoder, &request)
        batch.count = Int(request.count)
        batch.extensionCount = Int(request.ext_count)
        guard batch.count == count, (0..<count).allSatisfy({ batch.events[$0].error == 0 }) else {
            throw LogFormatError("an event that was accepted does not decode")
        }
    }
}
