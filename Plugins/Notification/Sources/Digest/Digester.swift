import HandlerKit
import PatchbaySDK

/// Counts messages by key in the handler's state.
struct Digester: Sendable {
    enum Admission {
        case send
        /// The interval's timer has this key, and is due then.
        case hold(timer: String, until: UInt64)
        /// The interval's timer has not come in time: this is the digest, with the message in it.
        case digest(DigestSummary)
        /// Other calls changed the count again and again.
        case busy
    }

    private static let triesMax = 16

    private let limit: Int
    private let interval: UInt64
    private let key: MustacheText
    /// Over `DigestSummary.json`.
    let subject: MustacheText
    /// Over `DigestSummary.json`.
    let text: MustacheText

    /// `target` is where the channel has its text. Throws what is wrong with a template.
    init(_ configuration: NotificationConfiguration.Digest, for target: MustacheText.Target) throws {
        limit = configuration.limit
        interval = UInt64(configuration.intervalSeconds * 1_000_000_000)
        key = try MustacheText(configuration.key, for: .plain)
        subject = try MustacheText(configuration.subject, for: .plain)
        text = try MustacheText(configuration.text, for: target)
    }

    /// Counts a message for an audience. The count is committed with the call, which the host runs again when it was
    /// changed meanwhile.
    func admit(_ event: JSON, audience: JSON, _ call: Call) throws -> Admission {
        let scope = DigestWindow.Scope(key: key.fill(from: event), audience: audience)
        let name = try "window:" + Identifier.short(scope.key + (audience == .null ? "" : " \(audience)"))
        for _ in 0..<Self.triesMax {
            let entry = try call.state.get(name)
            var window = try entry.map { try JSON(parsing: $0.value).decode(DigestWindow.self) }
            let now = UnixTime.now
            let admission = DigestWindow.admit(
                event, of: scope, to: &window, now: now, limit: limit, interval: interval)
            guard let window else { return .busy }
            guard try put(window, name, over: entry, call) else { continue }
            switch admission {
            case .send: return .send
            case .hold(let until): return .hold(timer: name, until: until)
            case .digest(let full): return .digest(DigestSummary(full, until: now))
            }
        }
        return .busy
    }

    /// False: somebody else has changed it since.
    private func put(
        _ window: DigestWindow, _ name: String, over entry: StateStore.Entry?, _ call: Call
    ) throws(ServiceError) -> Bool {
        do throws(ServiceError) {
            // A count that holds nothing back is worth nothing after its interval.
            try call.state.put(
                name, json: window.json, expecting: entry.map { .revision($0.revision) } ?? .absent,
                timeToLive: window.held > 0 ? nil : .nanoseconds(Int64(clamping: interval)))
            return true
        } catch {
            guard error.code == .conflict else { throw error }
            return false
        }
    }

    /// Ends the interval of a key. nil: nothing was held back, or it has ended already.
    func close(_ name: String, _ call: Call) throws -> DigestSummary? {
        guard name.hasPrefix("window:"), let entry = try call.state.get(name) else { return nil }
        let window = try JSON(parsing: entry.value).decode(DigestWindow.self)
        guard window.held > 0 else { return nil }
        try call.state.delete(name, expecting: .revision(entry.revision))
        return DigestSummary(window, until: UnixTime.now)
    }
}

/// What a digest is about.
struct DigestSummary {
    /// As the channel had it when the messages were composed.
    let audience: JSON
    /// For templates and the emitted event: `key`, `count`, `sent`, `since`, `until`, `types`, `samples`.
    let json: [String: JSON]

    init(_ window: DigestWindow, until: UInt64) {
        audience = window.scope.audience
        let types = window.types.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        json = [
            "key": .string(window.scope.key), "count": .integer(Int64(window.held)),
            "sent": .integer(Int64(window.sent)),
            "since": .string(UnixTime.text(window.start)), "until": .string(UnixTime.text(until)),
            "types": .array(types.map { ["type": .string($0.key), "count": .integer(Int64($0.value))] }),
            "samples": .array(window.samples),
        ]
    }
}
