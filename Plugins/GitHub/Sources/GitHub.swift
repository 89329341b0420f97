import HandlerKit
import PatchbaySDK

/// GitHub's REST API.
struct GitHub: Sendable {
    /// GitHub asks to wait at least so long where it does not say how long.
    private static let pause = Duration.seconds(60)
    private static let pagesMax = 20

    private let configuration: GitHubConfiguration
    private let base: String

    init(_ configuration: GitHubConfiguration) {
        self.configuration = configuration
        base = configuration.baseURL.hasSuffix("/") ? String(configuration.baseURL.dropLast()) : configuration.baseURL
    }

    /// `/repos/OWNER/NAME` of the event's repository.
    func repository(_ event: JSON) throws(Refusal) -> (name: String, path: String) {
        let name = try configuration.repository.fill(from: event)
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        let isFine = parts.allSatisfy { part in
            !part.isEmpty && part != "." && part != ".." && part.utf8.count <= 100
                && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
        }
        guard parts.count == 2, isFine else { throw .reject("invalid_repository: not of the form owner/name") }
        return (name, "/repos/\(name)")
    }

    /// The number of the event's issue or pull request.
    func number(_ event: JSON) throws(Refusal) -> Int64 {
        guard let number = Int64(try configuration.number.fill(from: event)), number > 0 else {
            throw .reject("invalid_number: not the number of an issue or pull request")
        }
        return number
    }

    /// What GitHub answers, if it is a success. Throws `Refusal`, and what `Call.send` throws.
    func send(_ method: String, _ path: String, _ body: JSON? = nil, _ call: Call) throws -> JSON {
        let response = try exchange(method, path, body, call)
        guard (200...299).contains(response.status) else { throw Refusal(Self.outcome(response)) }
        return try Self.json(response)
    }

    /// Removes something; true also where it was not there.
    func remove(_ path: String, _ call: Call) throws {
        let response = try exchange("DELETE", path, nil, call)
        guard (200...299).contains(response.status) || response.status == 404 else {
            throw Refusal(Self.outcome(response))
        }
    }

    /// The first element of a list, page after page, whose body holds the marker; nil: none.
    func find(_ marker: String, in path: String, _ query: String, _ call: Call) throws -> JSON? {
        for page in 1...Self.pagesMax {
            let list = try send("GET", "\(path)?per_page=100&page=\(page)\(query)", nil, call)
            guard case .array(let elements) = list else {
                throw Refusal(.retry("bad_answer: GitHub's answer is no list"))
            }
            if let found = elements.first(where: { $0["body"]?.string?.contains(marker) == true }) { return found }
            if elements.count < 100 { return nil }
        }
        return nil
    }

    /// What is hidden in a text, to find it again by: the same at every attempt.
    static func marker(_ key: String) -> String { "<!-- patchbay:\(HTTPRequest.encoded(key)) -->" }

    /// Text of an event inside Markdown: nothing in it hides, or passes for a marker.
    static func escaped(_ text: String) -> String { text.replacing("<!--", with: "&lt;!--") }

    // MARK: Private

    private func exchange(_ method: String, _ path: String, _ body: JSON?, _ call: Call) throws -> HTTPResponse {
        var request = HTTPRequest(method, base + path)
        if let body { request = HTTPRequest(method, base + path, json: body) }
        request.headers += [
            ("authorization", "Bearer \(configuration.token)"), ("accept", "application/vnd.github+json"),
            ("x-github-api-version", "2022-11-28"), ("user-agent", "patchbay-github/1"),
        ]
        request.timeout = .seconds(configuration.timeoutSeconds)
        request.responseBytesMax = 8 << 20
        return try call.send(request)
    }

    private static func json(_ response: HTTPResponse) throws(Refusal) -> JSON {
        if response.body.isEmpty { return .null }
        do {
            return try response.json()
        } catch {
            throw Refusal(.retry("bad_answer: GitHub's answer is no JSON", code: Int32(response.status)))
        }
    }

    /// - Source: GitHub REST API, "Rate limits" and "Troubleshooting"
    static func outcome(_ response: HTTPResponse, now: UInt64 = UnixTime.now) -> Outcome {
        let status = Int32(response.status)
        var message = "status \(status)"
        do {
            if let said = try response.json()["message"]?.string { message = String(said.prefix(200)) }
        } catch {
            // A proxy's page: the status has to do.
        }
        let isLimited =
            response.header("x-ratelimit-remaining") == "0" || response.retryAfter != nil
            || message.lowercased().contains("rate limit")
        switch response.status {
        case 429,
            403 where isLimited:
            return .retry("rate_limited: \(message)", after: wait(response, now: now), code: status)
        case 401, 403: return .fail("unauthorized: \(message)", code: status)
        case 404, 410: return .reject("not_found: \(message)", code: status)
        case 400, 409, 422: return .reject("invalid_request: \(message)", code: status)
        case 301, 302, 307, 308: return .fail("moved: the repository has another name now", code: status)
        case 408, 500...599: return .retry("unavailable: \(message)", after: response.retryAfter, code: status)
        default: return .fail("unexpected_status: \(message)", code: status)
        }
    }

    private static func wait(_ response: HTTPResponse, now: UInt64) -> Duration {
        if let retryAfter = response.retryAfter { return retryAfter }
        guard response.header("x-ratelimit-remaining") == "0", let reset = response.header("x-ratelimit-reset"),
            let seconds = Int64(reset)
        else { return pause }
        return max(.seconds(1), .seconds(seconds) - .seconds(Int64(now / 1_000_000_000)))
    }
}
