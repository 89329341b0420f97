import HandlerKit
import PatchbaySDK

/// Posts a message, once for each event.
struct Post: Handler {
    private let configuration: SlackConfiguration
    private let slack: Slack

    init(configuration: SlackConfiguration, host: Host) {
        self.configuration = configuration
        slack = Slack(configuration)
    }

    func handle(_ view: borrowing EventView, _ call: Call) throws -> Outcome {
        let event = Event(copying: view)
        let json = try event.structured()
        return try call.settling {
            let channel = try configuration.channel.fill(from: json)
            let thread = try configuration.thread.fill(from: json)
            var message: [String: JSON] = [
                "channel": .string(channel), "text": .string(try slack.text(json)),
                "metadata": ["event_type": "patchbay", "event_payload": ["key": .string(event.idempotencyKey)]],
            ]
            if !thread.isEmpty { message["thread_ts"] = .string(thread) }
            var ts: String?
            var posted = channel
            if configuration.lookup.isDue(at: event.attempt) { ts = try find(event, channel, thread, call) }
            if ts == nil {
                let answer = try slack.send("chat.postMessage", .object(message), call)
                ts = answer["ts"]?.string
                posted = answer["channel"]?.string ?? channel
            }
            try call.emit(
                EventDraft(
                    type: "com.patchbay.slack.posted", subject: posted,
                    json: [
                        "event": .string(event.id), "channel": .string(posted), "ts": ts.map { .string($0) } ?? .null,
                    ]))
            return .done
        }
    }

    /// The message that an earlier attempt posted, among the latest hundred since the event; nil: none.
    private func find(_ event: Event, _ channel: String, _ thread: String, _ call: Call) throws -> String? {
        var query = [("channel", channel), ("limit", "100"), ("include_all_metadata", "true")]
        if !thread.isEmpty { query.append(("ts", thread)) }
        // A message about the event is not older than the event; a minute is for clocks that differ.
        if let time = UnixTime.parse(event.time) { query.append(("oldest", String(time / 1_000_000_000 - 60))) }
        let method = thread.isEmpty ? "conversations.history" : "conversations.replies"
        guard let found = try slack.get(method, query, call) else {
            call.log(.warning, "cannot look for an earlier message: the token may not call \(method) in this channel")
            return nil
        }
        guard case .array(let messages)? = found["messages"] else { return nil }
        let ours = messages.first { message in
            message["metadata"]?["event_payload"]?["key"]?.string == event.idempotencyKey
        }
        return ours?["ts"]?.string
    }
}
