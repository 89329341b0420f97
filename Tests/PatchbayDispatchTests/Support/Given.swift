import CPatchbay
import CPatchbayJSON
import PatchbayEvents
import Testing

/// One event with the one delivery that a router would have given it.
struct Given {
    var id: String
    var lane = 0
    var route = 0
    var key: String?
    var rateKey: String?
    var priority: UInt8 = 0
    /// Characters of data.
    var size = 0
    /// JSON members in place of `data`.
    var members: String?

    init(
        _ id: String, lane: Int = 0, route: Int = 0, key: String? = nil, rateKey: String? = nil, priority: UInt8 = 0,
        size: Int = 0
    ) {
        self.id = id
        self.lane = lane
        self.route = route
        self.key = key
        self.rateKey = rateKey
        self.priority = priority
        self.size = size
    }

    /// A hash of a key; 0 for none.
    static func hash(_ key: String?) -> UInt64 {
        guard let key else { return 0 }
        return key.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01B3 } | 1
    }
}

/// Makes batches as a source does: decodes lines and lists the deliveries by lane.
final class BatchMaker {
    private let plan = FieldPlan()
    private let decoder: OpaquePointer
    private var traces: UInt64 = 0

    init() { decoder = pbj_decoder_new(pbj_limits(event_bytes: 1 << 20, nesting: 64), plan.handle) }
    deinit { pbj_decoder_free(decoder) }

    func batch(_ given: [Given]) -> EventBatch {
        let lines = given.map { given in
            let members = given.members ?? #""data":"\#(String(repeating: "x", count: given.size))""#
            return #"{"specversion":"1.0","id":"\#(given.id)","source":"/s","type":"t",\#(members)}"#
        }
        return batch(given, lines: lines, envelope: nil)
    }

    /// Lines that are data alone; ids are `e0`, `e1` and so on.
    func enveloped(_ given: [Given], lines: [String]) -> EventBatch {
        let texts = ["com.acme.line", "/in", "e"].map { text in
            let bytes = Array(text.utf8)
            let memory = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
            for (index, byte) in bytes.enumerated() { memory[index] = CChar(bitPattern: byte) }
            return patchbay_str(ptr: UnsafePointer(memory), len: UInt64(bytes.count))
        }
        defer { texts.forEach { $0.ptr?.deallocate() } }
        var envelope = pbj_envelope(type: texts[0], source: texts[1], id_prefix: texts[2], id_first: 0)
        return withUnsafePointer(to: &envelope) { batch(given, lines: lines, envelope: $0) }
    }

    private func batch(_ given: [Given], lines: [String], envelope: UnsafePointer<pbj_envelope>?) -> EventBatch {
        let bytes = Array(lines.joined(separator: "\n").utf8)
        let batch = EventBatch(source: 0, textCapacity: bytes.count)
        for (index, byte) in bytes.enumerated() { batch.text[index] = CChar(bitPattern: byte) }
        batch.textCount = bytes.count
        var call = pbj_batch()
        call.text = UnsafePointer(batch.text)
        call.end = UInt32(bytes.count)
        (call.events, call.ext) = (batch.events, batch.extensions)
        (call.capacity, call.ext_capacity) = (UInt32(EventBatch.eventsMax), UInt32(EventBatch.extensionsMax))
        call.arena = batch.arena
        call.envelope = envelope
        pbj_decode(decoder, &call)
        precondition(Int(call.count) == given.count, "the test's events do not decode")
        batch.count = given.count
        for index in 0..<batch.count {
            batch.traces[index] = EventTrace()
            traces += 1
            batch.traces[index].traceLow = traces
            batch.traces[index].receive = traces &* 3
            batch.traces[index].sampled = traces % 2 == 0
        }
        addDeliveries(given, to: batch)
        return batch
    }

    private func addDeliveries(_ given: [Given], to batch: EventBatch) {
        batch.reserveDeliveries(given.count)
        for lane in Set(given.map(\.lane)).sorted() {
            let lower = batch.deliveryCount
            for (index, given) in given.enumerated() where given.lane == lane {
                batch.deliveries[batch.deliveryCount] = RoutedDelivery(
                    event: UInt32(index), route: UInt16(given.route), lane: UInt16(lane),
                    keyHash: Given.hash(given.key), rateKeyHash: Given.hash(given.rateKey), priority: given.priority)
                batch.deliveryCount += 1
            }
            batch.runs.append(
                LaneRun(lane: UInt16(lane), lower: UInt32(lower), upper: UInt32(batch.deliveryCount)))
        }
    }
}

extension UInt64 {
    static func milliseconds(_ count: Double) -> UInt64 { UInt64(count * 1e6) }
    static func seconds(_ count: Double) -> UInt64 { UInt64(count * 1e9) }
    static let never = UInt64.max
}
