import HandlerKit
import PatchbaySDK

/// Linear's GraphQL API.
struct Linear: Sendable {
    private let configuration: LinearConfiguration

    init(_ configuration: LinearConfiguration) { self.configuration = configuration }

    /// The `data` of an answer without errors. Throws `Refusal`, and what `Call.send` throws.
    func send(_ query: String, _ variables: JSON, _ call: Call) throws -> JSON {
        switch try ask(query, variables, call) {
        case .data(let data): return data
        case .rejected(let outcome), .failed(let outcome): throw Refusal(outcome)
        }
    }

    /// The same for something that may not be there: nil where Linear rejects the question.
    func find(_ query: String, _ variables: JSON, _ call: Call) throws -> JSON? {
        switch try ask(query, variables, call) {
        case .data(let data): return data
        case .rejected: return nil
        case .failed(let outcome): throw Refusal(outcome)
        }
    }

    /// What an answer is.
    enum Answer {
        case data(JSON)
        /// What was asked for is to blame.
        case rejected(Outcome)
        /// Anything else is.
        case failed(Outcome)
    }

    /// Errors come with 200 as well as with 400; their code says more than the status.
    ///
    /// - Source: Linear developers, "Error handling" and "Rate limiting"
    static func read(_ response: HTTPResponse, now: UInt64 = UnixTime.now) -> Answer {
        let isSuccess = (200...299).contains(response.status)
        let answer: JSON
        do {
            answer = try response.json()
        } catch {
            return .failed(isSuccess ? .retry("bad_answer: Linear's answer is no JSON") : response.outcome)
        }
        if case .array(let errors)? = answer["errors"], let first = errors.first {
            return refusal(first, response, now)
        }
        guard isSuccess else { return .failed(response.outcome) }
        guard let data = answer["data"], data != .null else { return .failed(.retry("bad_answer: there is no data")) }
        return .data(data)
    }

    // MARK: Private

    private func ask(_ query: String, _ variables: JSON, _ call: Call) throws -> Answer {
        var request = HTTPRequest(
            "POST", configuration.url, headers: [("authorization", configuration.token)],
            json: ["query": .string(query), "variables": variables])
        request.timeout = .seconds(configuration.timeoutSeconds)
        return Self.read(try call.send(request))
    }

    private static func refusal(_ error: JSON, _ response: HTTPResponse, _ now: UInt64) -> Answer {
        let extensions = error["extensions"]
        let code = (extensions?["code"]?.string ?? extensions?["type"]?.string ?? "").uppercased()
            .replacing(" ", with: "_")
        let said = extensions?["userPresentableMessage"]?.string ?? error["message"]?.string ?? ""
        let message = String(said.prefix(200))
        let status = Int32(response.status)
        let isLimited = code == "RATELIMITED" || code == "RATE_LIMITED" || response.status == 429
        if isLimited { return .failed(.retry("rate_limited: \(message)", after: wait(response, now), code: status)) }
        switch code {
        case "AUTHENTICATION_ERROR", "FORBIDDEN", "FEATURE_NOT_ACCESSIBLE":
            return .failed(.fail("unauthorized: \(message)", code: status))
        case "INTERNAL_ERROR", "INTERNAL_SERVER_ERROR", "LOCK_TIMEOUT", "NETWORK_ERROR", "BOOTSTRAP_ERROR", "UNKNOWN":
            return .failed(.retry("unavailable: \(message)", after: response.retryAfter, code: status))
        case _ where response.status == 401 || response.status == 403:
            return .failed(.fail("unauthorized: \(message)", code: status))
        case _ where response.status >= 500:
            return .failed(.retry("unavailable: \(message)", after: response.retryAfter, code: status))
        default:
            return .rejected(.reject("invalid_request: \(message)", code: status))
        }
    }

    /// Until the window of requests, or of complexity, begins anew; both are milliseconds since the Unix epoch.
    private static func wait(_ response: HTTPResponse, _ now: UInt64) -> Duration {
        if let retryAfter = response.retryAfter { return retryAfter }
        let windows = [
            ("x-ratelimit-requests-remaining", "x-ratelimit-requests-reset"),
            ("x-ratelimit-complexity-remaining", "x-ratelimit-complexity-reset"),
        ]
        let resets = windows.compactMap { remaining, reset -> Int64? in
            response.header(remaining).flatMap { Int64($0) } ?? 0 <= 0
                ? response.header(reset).flatMap { Int64($0) } : nil
        }
        guard let reset = resets.max() else { return .seconds(60) }
        return max(.seconds(1), .milliseconds(reset - Int64(now / 1_000_000)))
    }
}
