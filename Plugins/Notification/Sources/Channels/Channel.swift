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

extension Call {
    /// Sends a request, and returns its status if that is a success, however large the answer is. Throws `Refusal` for
    /// another status, and what `send` throws where there is none.
    func deliver(_ request: HTTPRequest) throws -> Int {
        let response: HTTPResponse
        do {
            response = try send(request)
        } catch let fault as Fault where fault.code == .tooLarge && fault.status > 0 {
            response = HTTPResponse(status: fault.status)
        }
        guard (200...299).contains(response.status) else { throw Refusal(response.outcome) }
        return response.status
    }
}
