import CPatchbay
import CPatchbayJSON
import PatchbayEvents

/// Makes batches of events as a source does. One thread's.
final class EventMaker {
    private let plan = FieldPlan()
    private let decoder: OpaquePointer

    init() { decoder = pbj_decoder_new(pbj_limits(event_bytes: 1 << 16, nesting: 64), plan.handle) }
    deinit { pbj_decoder_free(decoder) }

    /// Fills a batch, which may be a spent one, with events of these ids, each for these lanes, under route 0 and one
    /// ordering key (0 is none).
    func fill(_ batch: EventBatch, ids: [String], lanes: [UInt16], key: UInt64 = 0) {
        let text = ids.map { #"{"specversion":"1.0","id":"\#($0)","source":"/s","type":"t","data":{"a":1}}"# }
        let bytes = Array(text.joined(separator: "\n").utf8)
        batch.reset()
        batch.growText(to: bytes.count)
        for (index, byte) in bytes.enumerated() { batch.text[index] = CChar(bitPattern: byte) }
        batch.textCount = bytes.count
        var call = pbj_batch()
        call.text = UnsafePointer(batch.text)
        call.end = UInt32(bytes.count)
        (call.events, call.ext) = (batch.events, batch.extensions)
        (call.capacity, call.ext_capacity) = (UInt32(EventBatch.eventsMax), UInt32(EventBatch.extensionsMax))
        call.arena = batch.arena
        pbj_decode(decoder, &call)
        precondition(Int(call.count) == ids.count, "the test's events do not decode")
        batch.count = ids.count
        for index in 0..<batch.count {
            batch.traces[index] = EventTrace()
            batch.traces[index].traceLow = UInt64(index + 1)
        }
        for lane in lanes {
            let lower = batch.deliveryCount
            for index in 0..<batch.count {
                batch.append(
                    RoutedDelivery(
                        event: UInt32(index), route: 0, lane: lane, keyHash: key, priority: 0))
            }
            batch.runs.append(LaneRun(lane: lane, lower: UInt32(lower), upper: UInt32(batch.deliveryCount)))
        }
    }
}
