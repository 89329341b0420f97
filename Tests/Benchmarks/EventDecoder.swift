import CPatchbayJSON
import PatchbayEvents

/// Lines of events and the decoder that reads a plan's fields from them, as a source's thread does: batch by batch, into
/// the same memory.
final class EventDecoder {
    /// Bytes of text.
    let byteCount: Int
    let batch: EventBatch
    // The decoder reads it.
    private let plan: FieldPlan
    private let fields: UnsafeMutablePointer<pbj_field>
    private let fieldCount: Int
    private let decoder: OpaquePointer

    init(_ text: some Collection<UInt8>, plan: FieldPlan) {
        byteCount = text.count
        batch = EventBatch(source: 0, textCapacity: byteCount)
        UnsafeMutableRawBufferPointer(start: batch.text, count: byteCount).copyBytes(from: text)
        self.plan = plan
        fieldCount = plan.count
        fields = .allocate(capacity: EventBatch.eventsMax * max(1, fieldCount))
        decoder = pbj_decoder_new(pbj_limits(event_bytes: 1 << 20, nesting: 64), plan.handle)
    }

    deinit {
        fields.deallocate()
        pbj_decoder_free(decoder)
    }

    /// The fields of an event of the batch that was decoded last.
    func slots(of event: Int) -> FieldSlots { FieldSlots(base: UnsafePointer(fields + event * fieldCount)) }

    /// Decodes all the text; `body` gets the number of events of each batch, while their fields are there.
    func decode(_ body: (Int) throws -> Void) rethrows {
        var request = batch.request(upTo: byteCount)
        request.fields = fields
        while request.start < request.end {
            pbj_decode(decoder, &request)
            try body(Int(request.count))
            request.start = request.consumed
        }
    }
}
