import PatchbaySDK

/// How many messages of one key there were in the interval that runs: what may go out, and what waits for its end. A value
/// without a clock; `Digester` keeps it in the handler's state.
struct DigestWindow: Decodable, Equatable, Sendable {
    /// What becomes of a message.
    enum Admission: Equatable {
        case send
        /// Counted; the digest is due at this moment, in nanoseconds since the Unix epoch.
        case hold(until: UInt64)
        /// Counted in this window, whose digest is overdue by a whole interval: it is due now, and a new window runs.
        case digest(DigestWindow)
    }

    struct Scope: Decodable, Equatable, Sendable {
        var key: String
        /// As the channel has it.
        var audience: JSON
    }

    static let samplesMax = 10
    static let typesMax = 20

    /// What is counted apart, and who the messages are for: the same for all of them.
    let scope: Scope
    /// Nanoseconds since the Unix epoch.
    private(set) var start: UInt64
    private(set) var sent: Int
    /// Messages that were held back.
    private(set) var held: Int
    /// How many of each type were held back; the types past `typesMax` are "other".
    private(set) var types: [String: Int]
    /// The first ones that were held back, in their order.
    private(set) var samples: [JSON]

    init(_ scope: Scope, start: UInt64) {
        self.scope = scope
        self.start = start
        sent = 0
        held = 0
        types = [:]
        samples = []
    }

    /// Takes a message in, in the window that runs or in a new one.
    static func admit(
        _ event: JSON, of scope: Scope, to window: inout DigestWindow?, now: UInt64, limit: Int, interval: UInt64
    ) -> Admission {
        var open = window ?? DigestWindow(scope, start: now)
        // One that holds messages back runs until its digest is made, so that none is forgotten.
        if open.held == 0, now >= open.start &+ interval || now < open.start {
            open = DigestWindow(scope, start: now)
        }
        if open.held == 0, open.sent < limit {
            open.sent += 1
            window = open
            return .send
        }
        open.hold(event)
        let end = open.start &+ interval
        // A timer whose call failed for good does not come again.
        if now >= end &+ interval {
            window = DigestWindow(scope, start: now)
            return .digest(open)
        }
        window = open
        return .hold(until: max(now, end))
    }

    private mutating func hold(_ event: JSON) {
        held += 1
        var type = event["type"]?.string ?? ""
        if types[type] == nil, types.count >= Self.typesMax { type = "other" }
        types[type, default: 0] += 1
        guard samples.count < Self.samplesMax else { return }
        var sample: [String: JSON] = [:]
        for name in ["id", "type", "source", "subject", "time"] { sample[name] = event[name] }
        samples.append(.object(sample))
    }

    /// For the state.
    var json: JSON {
        [
            "scope": ["key": .string(scope.key), "audience": scope.audience],
            "start": .integer(Int64(clamping: start)), "sent": .integer(Int64(sent)), "held": .integer(Int64(held)),
            "types": .object(types.mapValues { .integer(Int64($0)) }), "samples": .array(samples),
        ]
    }
}
