import HandlerKit
import PatchbaySDK

/// Any URL that takes JSON.
struct WebhookChannel: Channel {
    static let name = "webhook"

    private let configuration: NotificationConfiguration.Webhook
    private let body: MustacheText?

    init(_ configuration: NotificationConfiguration) throws {
        self.configuration = try MissingSection.require(
            configuration.webhook, Self.name, for: "notification.\(Self.name)")
        body = try self.configuration.body.map { try MustacheText($0, for: .json) }
    }

    func compose(_ event: JSON) throws(Refusal) -> JSON {
        guard let body else { return event }
        do {
            return try JSON(parsing: body.fill(from: event))
        } catch {
            throw .reject("bad_template: the filled body is no JSON: \(error)")
        }
    }

    func compose(digest: DigestSummary, _ digester: Digester) -> JSON {
        var members = digest.json
        members["text"] = .string(digester.text.fill(from: .object(digest.json)))
        return ["type": "com.patchbay.notification.digest", "data": .object(members)]
    }

    func deliver(_ message: JSON, key: String, _ call: Call) throws -> [String: JSON] {
        let isEvent = body == nil && message["specversion"] != nil
        var headers: [HTTPRequest.Header] = configuration.headers.sorted { $0.key < $1.key }
            .map { ($0.key, $0.value) }
        let given = Set(headers.map { $0.name.lowercased() })
        if !given.contains("content-type") {
            headers.append(("content-type", isEvent ? "application/cloudevents+json" : "application/json"))
        }
        if !given.contains("idempotency-key") { headers.append(("idempotency-key", try Identifier.short(key))) }
        var request = HTTPRequest(
            configuration.method, configuration.url, headers: headers, body: Array(message.description.utf8))
        request.timeout = .seconds(configuration.timeoutSeconds)
        return ["status": .integer(Int64(try call.deliver(request)))]
    }
}
