import CPatchbay
import CPatchbayJSON
import PatchbayEvents
import PatchbayExpressions
import PatchbayRouting
import Testing

/// Compiles routes over one plan and runs events through them.
final class Harness {
    let plan = FieldPlan()
    private(set) var table: RouteTable
    private(set) var matcher: RouteMatcher
    private var decoder: OpaquePointer
    private var batches: [EventBatch] = []
    private var fields: [UnsafeMutablePointer<pbj_field>] = []

    init(seed: KeySeed = KeySeed(1, 2), _ routes: (borrowing Compiler) throws -> [Route]) throws {
        table = try RouteTable(try routes(Compiler(plan: plan)), plan: plan, seed: seed)
        matcher = RouteMatcher(table)
        decoder = pbj_decoder_new(pbj_limits(event_bytes: 1 << 20, nesting: 64), plan.handle)
    }

    deinit {
        pbj_decoder_free(decoder)
        for pointer in fields { pointer.deallocate() }
    }

    struct Compiler {
        let plan: FieldPlan

        func expression(_ text: String) throws -> Expression {
            try Expression(text, in: ExpressionEnvironment(eventPlan: plan))
        }
        func key(_ text: String) throws -> RouteKey { try RouteKey(text, in: ExpressionEnvironment(eventPlan: plan)) }
    }

    /// The fields of one event, valid as long as the harness.
    func slots(_ json: String) throws -> FieldSlots {
        let bytes = Array(json.utf8)
        let batch = EventBatch(source: 0, textCapacity: bytes.count)
        for (index, byte) in bytes.enumerated() { batch.text[index] = CChar(bitPattern: byte) }
        let memory = UnsafeMutablePointer<pbj_field>.allocate(capacity: plan.count + 1)
        batches.append(batch)
        fields.append(memory)
        var call = pbj_batch()
        call.text = UnsafePointer(batch.text)
        call.end = UInt32(bytes.count)
        (call.events, call.ext, call.fields) = (batch.events, batch.extensions, memory)
        (call.capacity, call.ext_capacity, call.arena) = (1, 64, batch.arena)
        pbj_decode(decoder, &call)
        try #require(call.count == 1 && batch.events[0].error == 0, "not an event: \(json)")
        return FieldSlots(base: UnsafePointer(memory))
    }

    func route(_ slots: FieldSlots, event: UInt32 = 0) -> [RoutedDelivery] {
        let room = UnsafeMutablePointer<RoutedDelivery>.allocate(capacity: table.deliveriesPerEventMax + 1)
        defer { room.deallocate() }
        let count = matcher.route(event: event, slots: slots, into: room)
        return Array(UnsafeBufferPointer(start: room, count: count))
    }

    func route(_ json: String) throws -> [RoutedDelivery] { route(try slots(json)) }

    /// `route→lane` of every delivery.
    func summary(_ json: String) throws -> [String] {
        try route(json).map { "\(table.routes[Int($0.route)].name)→\($0.lane)" }
    }

    func explain(_ json: String) throws -> RoutingExplanation { table.explain(try slots(json)) }
}

/// An event's JSON; `more` is further members.
func event(_ type: String, id: String = "1", source: String = "/s", _ more: String = "") -> String {
    #"{"specversion":"1.0","id":"\#(id)","source":"\#(source)","type":"\#(type)"\#(more.isEmpty ? "" : "," + more)}"#
}

/// A target whose lane is its handler's index.
func handler(_ index: UInt16) -> RouteTarget { .handler(RouteHandler(name: "h\(index)", handler: index, lane: index)) }

func oneOf(_ weights: [UInt16: UInt32]) -> RouteTarget {
    .oneOf(
        weights.sorted { $0.key < $1.key }.map {
            RouteChoice(RouteHandler(name: "h\($0.key)", handler: $0.key, lane: $0.key), weight: $0.value)
        })
}

/// `#expect` for inner loops: costs nothing while the condition holds.
func check(
    _ condition: Bool, _ comment: @autoclosure () -> String, sourceLocation: SourceLocation = #_sourceLocation
) {
    if !condition { Issue.record("\(comment())", sourceLocation: sourceLocation) }
}

/// Repeats itself for a seed; for tests that print theirs.
struct Dice {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func below(_ bound: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state >> 33) % bound
    }

    mutating func pick<T>(_ choices: [T]) -> T { choices[below(choices.count)] }
}
