import HandlerKit
import PatchbaySDK

/// Changes the text of a message; doing so again changes nothing.
struct Update: Handler {
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
            let ts = try configuration.ts.fill(from: json)
            _ = try slack.send(
                "chat.update",
                ["channel": .string(channel), "ts": .string(ts), "text": .string(try slack.text(json))], call)
            try call.emit(
                EventDraft(
                    type: "com.patchbay.slack.updated", subject: channel,
                    json: ["event": .string(event.id), "channel": .string(channel), "ts": .string(ts)]))
            return .done
        }
    }
}
