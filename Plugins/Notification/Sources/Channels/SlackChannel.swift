import HandlerKit
import PatchbaySDK

/// An incoming webhook of Slack, or of a chat that takes the same (Mattermost, Rocket.Chat, Discord's `/slack`).
struct SlackChannel: Channel {
    static let name = "slack"
    static let target = MustacheText.Target.slack

    private let configuration: NotificationConfiguration.Slack
    private let text: MustacheText

    init(_ configuration: NotificationConfiguration) throws {
        self.configuration = try MissingSection.require(
            configuration.slack, Self.name, for: "notification.\(Self.name)")
        text = try MustacheText(self.configuration.text, for: .slack)
    }

    func compose(_ event: JSON) throws(Refusal) -> JSON { payload(text.fill(from: event)) }

    func compose(digest: DigestSummary, _ digester: Digester) -> JSON {
        payload(digester.text.fill(from: .object(digest.json)))
    }

    func deliver(_ message: JSON, key: String, _ call: Call) throws -> [String: JSON] {
        var request = HTTPRequest("POST", configuration.url, json: message)
        request.timeout = .seconds(configuration.timeoutSeconds)
        return ["status": .integer(Int64(try call.deliver(request)))]
    }

    private func payload(_ text: String) -> JSON {
        var members: [String: JSON] = ["text": .string(text)]
        members["channel"] = configuration.channel.map { .string($0) }
        members["username"] = configuration.username.map { .string($0) }
        members["icon_emoji"] = configuration.iconEmoji.map { .string($0) }
        return .object(members)
    }
}
