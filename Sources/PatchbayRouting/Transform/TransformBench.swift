import CPatchbayJSON
import PatchbayEvents
import PatchbayExpressions

/// What one application of a transform works with: a decoder and the fields of the event as it is now.
final class TransformBench: @unchecked Sendable {
    // Invariant: belongs to the one thread that took it out of the pool.
    private let decoder: OpaquePointer
    let fields: UnsafeMutablePointer<pbj_field>
    private let batch = EventBatch(source: -1, textCapacity: 4_096)
    private let reader: JSONReader

    init(plan: FieldPlan, limits: pbj_limits) {
        decoder = pbj_decoder_new(limits, plan.handle)
        fields = .allocate(capacity: max(1, plan.count))
        reader = JSONReader(nesting: Int(limits.nesting))
    }

    deinit {
        pbj_decoder_free(decoder)
        fields.deallocate()
    }

    /// An expression's value for the event as it is now.
    func value(
        of expression: Expression, _ document: inout TransformDocument, at place: String
    ) throws(TransformError) -> Value {
        if document.isChanged {
            do {
                try decode(document.json, into: batch)
            } catch {
                throw TransformError(place: place, message: "the steps before made no event: \(error.message)")
            }
            document.isChanged = false
        }
        do {
            return try expression.evaluate(FieldSlots(base: UnsafePointer(fields)))
        } catch {
            throw TransformError(place: place, message: error.message)
        }
    }

    /// Decodes an event as intake would.
    func decode(_ text: [UInt8], into batch: EventBatch) throws(CloudEventsError) {
        batch.reset()
        batch.growText(to: text.count)
        text.withUnsafeBytes { bytes in
            UnsafeMutableRawPointer(batch.text).copyMemory(
                from: bytes.baseAddress ?? UnsafeRawPointer(batch.text), byteCount: bytes.count)
        }
        batch.textCount = text.count
        var request = batch.request(upTo: text.count, events: 1)
        request.fields = fields
        pbj_decode(decoder, &request)
        guard request.count == 1, batch.events[0].error == 0 else { throw BatchView(batch).error(of: batch.events[0]) }
        batch.count = 1
    }

    /// Stored bytes as JSON: as they are where they are JSON, as a text where they are UTF-8, else in base64.
    func json(_ bytes: [UInt8]) -> JSONTree {
        if !bytes.isEmpty, bytes.withUnsafeBytes({ reader.check($0) }) == nil { return .text(bytes) }
        if let text = String(validating: bytes, as: UTF8.self) { return .text(Value.string(text).json) }
        return .text(Value.bytes(bytes).json)
    }
}
