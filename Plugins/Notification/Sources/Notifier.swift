import HandlerKit
import PatchbaySDK

/// `notification.email`.
typealias Email = Notifier<EmailChannel>
/// `notification.slack`.
typealias Slack = Notifier<SlackChannel>
/// `notification.webhook`.
typealias Webhook = Notifier<WebhookChannel>

/// Makes a message of an event and sends it; with `digest`, not more of them than people can read.
///
/// Without `digest` a call sends its message and is done. With it, no call both sends and counts: one that counts may be
/// run again when another one counted at the same time, and what it had sent would go out twice. So the call of an event
/// counts, keeps the message in the state, and sets a timer that is due at once; the timer's call sends what is kept.
struct Notifier<C: Channel>: Handler {
    /// Type of the timer that sends a message that is kept.
    private static var sendType: String { "com.patchbay.notification.send" }
    /// Type of the timer that ends an interval.
    private static var intervalType: String { "com.patchbay.notification.interval" }

    private let channel: C
    private let digest: Digester?

    init(configuration: NotificationConfiguration, host: Host) throws {
        channel = try C(configuration)
        digest = try configuration.digest.map { try Digester($0, for: C.target) }
    }

    func handle(_ view: borrowing EventView, _ call: Call) throws -> Outcome {
        let event = Event(copying: view)
        return try call.settling {
            // An event from outside that looks like a timer's can only bring forward what is kept already.
            switch (event.type, event.attributes["timerkey"]) {
            case (Self.sendType, let name?): try sendKept(name, call)
            case (Self.intervalType, let key?): try endInterval(key, event, call)
            default: try take(event, call)
            }
        }
    }

    // MARK: Private

    private func take(_ event: Event, _ call: Call) throws -> Outcome {
        let json = try event.structured()
        let message = Message(
            key: event.idempotencyKey, content: try channel.compose(json), emits: "delivered",
            about: ["id": .string(event.id), "source": .string(event.source), "type": .string(event.type)])
        guard let digest else { return try send(message, call) }
        switch try digest.admit(json, audience: channel.audience(of: message.content), call) {
        case .send: try keep(message, call)
        case .hold(let key, let until):
            try call.setTimer(key, atNanoseconds: until, EventDraft(type: Self.intervalType))
        case .digest(let summary): try keep(summary, digest, of: event, call)
        case .busy: return .busy("busy: the count of this key changes all the time", after: .milliseconds(20))
        }
        return .done
    }

    private func endInterval(_ key: String, _ event: Event, _ call: Call) throws -> Outcome {
        guard let digest, let summary = try digest.close(key, call) else { return .skip }
        try keep(summary, digest, of: event, call)
        return .done
    }

    /// Keeps the digest that an event's call makes.
    private func keep(_ summary: DigestSummary, _ digest: Digester, of event: Event, _ call: Call) throws {
        var about = summary.json
        about["samples"] = nil
        try keep(
            Message(
                key: event.idempotencyKey, content: try channel.compose(digest: summary, digest),
                emits: "digested", about: about), call)
    }

    /// Keeps a message, and has it sent by a call of its own.
    private func keep(_ message: Message, _ call: Call) throws {
        let name = "send:\(try Identifier.short(message.key))"
        // As long as somebody may redrive a message that could not be sent.
        try call.state.put(name, json: message.json, timeToLive: .seconds(30 * 86_400))
        try call.setTimer(name, atNanoseconds: 1, EventDraft(type: Self.sendType))
    }

    private func sendKept(_ name: String, _ call: Call) throws -> Outcome {
        // What is not there has been sent: this timer is delivered a second time.
        guard name.hasPrefix("send:"), let kept = try call.state.json(name) else { return .skip }
        let outcome = try send(Message(kept), call)
        try call.state.delete(name)
        return outcome
    }

    private func send(_ message: Message, _ call: Call) throws -> Outcome {
        let receipt = try call.span("notify \(C.name)") { _ in
            try channel.deliver(message.content, key: message.key, call)
        }
        var data = message.about
        data["channel"] = .string(C.name)
        for (name, value) in receipt { data[name] = value }
        try call.emit(EventDraft(type: "com.patchbay.notification.\(message.emits)", json: .object(data)))
        return .done
    }
}

/// A message that is ready to be sent.
struct Message: Sendable {
    /// The same whenever this message is sent: the idempotency key of the call that made it.
    var key: String
    /// As the channel composed it.
    var content: JSON
    /// The last word of the type of the event that says that it was sent.
    var emits: String
    /// Data of that event.
    var about: [String: JSON]

    init(key: String, content: JSON, emits: String, about: [String: JSON]) {
        self.key = key
        self.content = content
        self.emits = emits
        self.about = about
    }

    /// One that was kept as `json`.
    init(_ json: JSON) throws(JSONError) {
        let kept = try json.decode(Kept.self)
        self.init(key: kept.key, content: kept.content, emits: kept.emits, about: kept.about)
    }

    var json: JSON {
        ["key": .string(key), "content": content, "emits": .string(emits), "about": .object(about)]
    }

    private struct Kept: Decodable {
        var key: String
        var content: JSON
        var emits: String
        var about: [String: JSON]
    }
}
