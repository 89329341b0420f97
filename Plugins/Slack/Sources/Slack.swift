import HandlerKit
import PatchbaySDK

/// The configuration that the two handlers share: the manifest's schema has checked it and filled its defaults in.
struct SlackConfiguration: Decodable, Sendable {
    var token: String
    var baseURL: String
    var timeoutSeconds: Double
    var lookup: Lookup
    var channel: Template
    var thread: Template
    var ts: Template
    var text: Template
}

/// Slack's Web API.
struct Slack: Sendable {
    /// What passes by itself.
    private static let passing: Set<String> = [
        "ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable", "request_timeout",
        "team_added_to_org",
    ]
    /// What the operator has to see to.
    private static let forbidden: Set<String> = [
        "invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope",
        "no_permission", "not_allowed_token_type", "org_login_required", "ekm_access_denied", "access_denied",
        "team_access_not_granted", "two_factor_setup_required", "accesslimited", "enterprise_is_restricted",
    ]

    private let configuration: SlackConfiguration
    private let base: String

    init(_ configuration: SlackConfiguration) {
        self.configuration = configuration
        base = configuration.baseURL.hasSuffix("/") ? String(configuration.baseURL.dropLast()) : configuration.baseURL
    }

    /// What Slack answers, if it is ok. Throws `Refusal`, and what `Call.send` throws.
    func send(_ method: String, _ body: JSON, _ call: Call) throws -> JSON {
        let request = HTTPRequest("POST", "\(base)/\(method)", json: body)
        return try Self.answer(try exchange(request, call))
    }

    /// The same for a method that only reads, and takes its arguments in the address. nil: this token may not read that.
    func get(_ method: String, _ query: [(name: String, value: String)], _ call: Call) throws -> JSON? {
        let query = query.map { "\($0.name)=\(HTTPRequest.encoded($0.value))" }.joined(separator: "&")
        let response = try exchange(HTTPRequest("GET", "\(base)/\(method)?\(query)"), call)
        // Not by `?:`, where nil would be JSON's own.
        if Self.isUnreadable(response) { return nil }
        return try Self.answer(response)
    }

    /// Text of an event inside mrkdwn: nothing in it mentions people or becomes a link (Slack, "Formatting text").
    static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }

    /// The text of a message, of which Slack takes 40,000 characters.
    func text(_ event: JSON) throws(Refusal) -> String {
        let text = try configuration.text.fill(from: event, escape: Self.escaped)
        guard !text.isEmpty else { throw .reject("missing_field: the text is empty") }
        return String(text.prefix(40_000))
    }

    // MARK: Private

    private func exchange(_ request: HTTPRequest, _ call: Call) throws -> HTTPResponse {
        var request = request
        request.headers.append(("authorization", "Bearer \(configuration.token)"))
        request.timeout = .seconds(configuration.timeoutSeconds)
        request.responseBytesMax = 8 << 20
        return try call.send(request)
    }

    /// - Source: Slack, "Using the Web API", "Rate limits"
    static func answer(_ response: HTTPResponse) throws(Refusal) -> JSON {
        guard response.status == 200 || response.status == 429 else { throw Refusal(response.outcome) }
        let answer: JSON
        do {
            answer = try response.json()
        } catch {
            if response.status == 429 { throw Refusal(limited(response, "ratelimited")) }
            throw Refusal(.retry("bad_answer: Slack's answer is no JSON"))
        }
        if response.status == 200, answer["ok"]?.bool == true { return answer }
        let code = String((answer["error"]?.string ?? "unknown_error").prefix(100))
        let number = Int32(response.status)
        if response.status == 429 || code == "ratelimited" || code == "rate_limited" {
            throw Refusal(limited(response, code))
        }
        if passing.contains(code) {
            throw Refusal(.retry("unavailable: \(code)", after: response.retryAfter, code: number))
        }
        if forbidden.contains(code) {
            let needed = answer["needed"]?.string.map { " (\($0.prefix(100)))" } ?? ""
            throw Refusal(.fail("unauthorized: \(code)\(needed)", code: number))
        }
        throw .reject("\(code): refused by Slack")
    }

    private static func isUnreadable(_ response: HTTPResponse) -> Bool {
        guard response.status == 200 else { return false }
        do {
            let error = try response.json()["error"]?.string
            return ["missing_scope", "no_permission", "not_in_channel"].contains(error)
        } catch {
            return false
        }
    }

    private static func limited(_ response: HTTPResponse, _ code: String) -> Outcome {
        .retry("rate_limited: \(code)", after: response.retryAfter ?? .seconds(30), code: Int32(response.status))
    }
}
