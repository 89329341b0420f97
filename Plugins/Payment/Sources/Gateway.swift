import HandlerKit
import PatchbaySDK

/// The payment API: sends requests and says what their answers mean.
struct Gateway: Sendable {
    /// Names and values, in their order, which is part of what an idempotency key stands for.
    typealias Form = [(name: String, value: String)]

    /// What an answer says about the request that it answers.
    enum Answer {
        /// It took effect, now or at an earlier attempt with the same key.
        case effect(JSON)
        /// It failed inside the API after it had begun, and the key will give this answer for ever; or the key is known
        /// for another request of the event. Whether that took effect is to be looked up.
        case unknown(Outcome)
    }

    private let configuration: PaymentConfiguration
    private let operation: Operation
    private let base: String

    /// Throws `ClearKeyError` for an address that the secret key must not be sent to.
    init(_ configuration: PaymentConfiguration, for operation: Operation) throws(ClearKeyError) {
        guard BaseURL.isPrivate(configuration.baseURL) else { throw ClearKeyError() }
        self.configuration = configuration
        self.operation = operation
        base = configuration.baseURL.hasSuffix("/") ? String(configuration.baseURL.dropLast()) : configuration.baseURL
    }

    /// Sends a request that may be sent again with the same key and has one effect at most. Throws `Refusal` for an
    /// answer without effect, and what `Call.send` throws.
    func post(_ path: String, _ form: Form, key: String, _ call: Call) throws -> Answer {
        var request = HTTPRequest("POST", base + path, headers: headers + [("idempotency-key", key)], form: form)
        request.timeout = .seconds(configuration.timeoutSeconds)
        let response = try call.send(request)
        let error = ErrorAnswer(response, to: operation)
        if error.isMismatch || response.status >= 500 && response.header("idempotent-replayed") == "true" {
            return .unknown(error.outcome)
        }
        return .effect(try object(response))
    }

    /// Asks for an object or a list. Throws `Refusal` for any answer but that, and what `Call.send` throws.
    func get(_ path: String, query: Form = [], _ call: Call) throws -> JSON {
        let query = query.map { "\(HTTPRequest.encoded($0.name))=\(HTTPRequest.encoded($0.value))" }
        let url = base + path + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
        var request = HTTPRequest("GET", url, headers: headers)
        request.timeout = .seconds(configuration.timeoutSeconds)
        return try object(try call.send(request))
    }

    // MARK: Private

    private var headers: [HTTPRequest.Header] {
        var headers: [HTTPRequest.Header] = [("authorization", "Bearer \(configuration.apiKey)")]
        if let version = configuration.apiVersion { headers.append(("stripe-version", version)) }
        if let account = configuration.account { headers.append(("stripe-account", account)) }
        return headers
    }

    /// The object of an answer. One that cannot be read says nothing about what happened, so the request is repeated.
    private func object(_ response: HTTPResponse) throws(Refusal) -> JSON {
        guard (200...299).contains(response.status) else { throw Refusal(ErrorAnswer(response, to: operation).outcome) }
        do {
            let body = try response.json()
            if case .object = body { return body }
        } catch {
            // Not JSON: as below. The parser's words could quote the answer.
        }
        throw Refusal(.retry("bad_answer: the API's answer is no JSON object", code: Int32(response.status)))
    }
}
