import HandlerKit
import PatchbaySDK

/// A way to tell somebody: makes messages of events and of digests, and delivers them.
protocol Channel: Sendable {
    /// As in `notification.NAME`.
    static var name: String { get }

    /// What its text is.
    static var target: MustacheText.Target { get }

    /// Throws what is wrong with the configuration.
    init(_ configuration: NotificationConfiguration) throws

    /// A message about an event, given as structured CloudEvents JSON.
    func compose(_ event: JSON) throws(Refusal) -> JSON

    /// Who a message is for, if that depends on the event: messages for different people are never in one digest.
    func audience(of message: JSON) -> JSON

    /// A message about many events, for their audience.
    func compose(digest: DigestSummary, _ digester: Digester) throws(JSONError) -> JSON

    /// Delivers a message, and says about it what is known then. `key` is the same whenever this message is delivered.
    /// Throws `Refusal` for an answer that is no success, and what `Call.send` throws.
    func deliver(_ message: JSON, key: String, _ call: Call) throws -> [String: JSON]
}

extension Channel {
    static var target: MustacheText.Target { .plain }

    func audience(of message: JSON) -> JSON { .null }
}

extension HTTPResponse {
    /// Throws what the status means, unless it is a success.
    func requireSuccess() throws(Refusal) {
        guard (200...299).contains(status) else { throw Refusal(outcome) }
    }
}
