import HandlerKit
import PatchbaySDK
import PatchbaySDKTesting
import Testing

@testable import GitHub

@Suite struct GitHubTests {
    private let comment = gitHub.with("comment", ["body": "Thanks, {{data.issue.user.login}}: {{data.issue.title}}"])
    private let marker = "<!-- patchbay:github.comment%20%2F%2Fgh%20gh-1 -->"

    @Test func `comments once, with a hidden marker`() async throws {
        let host = try TestHost(Comment.self, configuration: comment)
        host.serve { _ in HTTPResponse(201, ["id": 5, "html_url": "https://github.com/shop/web/issues/7#c5"]) }
        let report = try #require(await host.send(opened(title: "<!-- patchbay:x --> breaks")))
        #expect(report.outcome == .done)
        let request = try #require(host.requests.first)
        #expect(host.requests.count == 1)
        #expect(request.method == "POST")
        #expect(request.url == "https://api.github.com/repos/shop/web/issues/7/comments")
        let headers = Dictionary(request.headers.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        #expect(headers["authorization"] == "Bearer ghp_secret")
        #expect(headers["accept"] == "application/vnd.github+json")
        #expect(headers["user-agent"] != nil)
        #expect(
            try JSON(parsing: request.body) == [
                "body": .string("Thanks, ada: &lt;!-- patchbay:x --> breaks\n\n\(marker)")
            ])
        let draft = try #require(report.emitted.first)
        #expect(draft.type == "com.patchbay.github.commented")
        #expect(draft.subject == "shop/web#7")
        #expect(
            try JSON(parsing: draft.data) == [
                "event": "gh-1", "repository": "shop/web", "number": 7, "id": 5,
                "url": "https://github.com/shop/web/issues/7#c5",
            ])
    }

    @Test func `looks for its comment before it tries again`() async throws {
        let host = try TestHost(Comment.self, configuration: comment)
        let marker = marker
        host.serve { request in
            guard request.method == "GET" else { return HTTPResponse(201, ["id": 6]) }
            let other: JSON = ["id": 1, "body": "other"]
            if request.url.contains("page=1&") { return HTTPResponse(200, .array(Array(repeating: other, count: 100))) }
            return HTTPResponse(200, [other, ["id": 5, "body": .string("hi\n\n\(marker)")]])
        }
        let report = try #require(await host.send(opened(attempt: 2)))
        #expect(report.outcome == .done)
        #expect(try JSON(parsing: report.emitted[0].data)["id"] == 5)
        #expect(host.requests.map(\.method) == ["GET", "GET"])
        #expect(
            host.requests[0].url
                == "https://api.github.com/repos/shop/web/issues/7/comments?per_page=100&page=1&since=2026-03-01T09:00:01Z"
        )
    }

    @Test(arguments: [("retries", 1, 1), ("retries", 2, 2), ("always", 1, 2), ("never", 5, 1)])
    func `looks as often as it is told`(lookup: String, attempt: Int, requests: Int) async throws {
        let host = try TestHost(Comment.self, configuration: comment.with("lookup", .string(lookup)))
        host.serve { request in request.method == "GET" ? HTTPResponse(200, []) : HTTPResponse(201, ["id": 6]) }
        let report = try #require(await host.send(opened(attempt: attempt)))
        #expect(report.outcome == .done)
        #expect(host.requests.count == requests)
    }

    @Test func `leaves one comment behind whatever gets lost`() async throws {
        for lost in 0..<8 {
            let host = try TestHost(Comment.self, configuration: comment)
            let service = Comments(lost: lost)
            host.serve { try service.serve($0) }
            var isDone = false
            for attempt in 1...5 where !isDone {
                isDone = try #require(await host.send(opened(attempt: attempt))).outcome == .done
            }
            #expect(isDone)
            #expect(service.count == 1)
        }
    }

    @Test func `adds and removes labels`() async throws {
        let configuration = gitHub.with(
            "label",
            ["add": ["bug", "by-{{data.issue.user.login}}", "{{data.gone?}}"], "remove": ["needs triage", "a/b"]])
        let host = try TestHost(Label.self, configuration: configuration)
        host.serve { $0.method == "DELETE" ? HTTPResponse(404, ["message": "gone"]) : HTTPResponse(200, []) }
        let report = try #require(await host.send(opened()))
        #expect(report.outcome == .done)
        #expect(host.requests.map(\.method) == ["POST", "DELETE", "DELETE"])
        #expect(try JSON(parsing: host.requests[0].body) == ["labels": ["bug", "by-ada"]])
        #expect(host.requests[1].url.hasSuffix("/repos/shop/web/issues/7/labels/needs%20triage"))
        #expect(host.requests[2].url.hasSuffix("/labels/a%2Fb"))
    }

    @Test func `opens an issue, and finds it again`() async throws {
        let section: JSON = [
            "title": "{{data.issue.title}}", "body": "", "labels": ["bug"], "assignees": ["{{data.who?}}"],
        ]
        let host = try TestHost(OpenIssue.self, configuration: gitHub.with("openIssue", section))
        let marker = marker
        host.serve { request in
            request.method == "GET"
                ? HTTPResponse(200, [["number": 8, "body": .string(marker)]]) : HTTPResponse(201, ["number": 9])
        }
        let first = try #require(await host.send(opened()))
        #expect(first.outcome == .done)
        #expect(first.emitted.map(\.subject) == ["shop/web#9"])
        #expect(
            try JSON(parsing: host.requests[0].body) == [
                "title": "It breaks", "body": .string(marker), "labels": ["bug"],
            ])
        let second = try #require(await host.send(opened(attempt: 2)))
        #expect(second.emitted.map(\.subject) == ["shop/web#8"])
        #expect(host.requests.map(\.method) == ["POST", "GET"])
    }

    @Test(
        arguments: [
            (404, [:], "Not Found", TestReport.Outcome.fail, true, nil),
            (422, [:], "Validation Failed", .fail, true, nil), (401, [:], "Bad credentials", .fail, false, nil),
            (403, [:], "Resource not accessible", .fail, false, nil),
            (
                403, ["x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"], "API rate limit exceeded", .retry, false,
                1
            ),
            (403, [:], "You have exceeded a secondary rate limit", .retry, false, 60),
            (429, [:], "Slow down", .retry, false, 60), (502, [:], "Server Error", .retry, false, nil),
            (301, [:], "Moved Permanently", .fail, false, nil),
        ] as [(Int, [String: String], String, TestReport.Outcome, Bool, Int?)])
    func `reads an error of GitHub`(
        status: Int, headers: [String: String], message: String, outcome: TestReport.Outcome, spares: Bool, after: Int?
    ) async throws {
        let host = try TestHost(Comment.self, configuration: comment)
        host.serve { _ in
            HTTPResponse(status, ["message": .string(message)], headers: headers.map { ($0.key, $0.value) })
        }
        let report = try #require(await host.send(opened()))
        #expect(report.outcome == outcome)
        #expect(report.sparesBreaker == spares)
        #expect(report.retryAfter == after.map { .seconds($0) })
        #expect(report.code == Int32(status))
        #expect(!report.reason.contains("ghp_"))
    }

    @Test func `waits until the limit is lifted`() async throws {
        let host = try TestHost(Comment.self, configuration: comment)
        let reset = String(UnixTime.now / 1_000_000_000 + 100)
        host.serve { _ in
            HTTPResponse(403, [:], headers: [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset)])
        }
        let limited = try #require(await host.send(opened()))
        let wait = try #require(limited.retryAfter)
        #expect(wait > .seconds(30) && wait <= .seconds(100))
        host.serve { _ in HTTPResponse(403, [:], retryAfter: .seconds(7)) }
        #expect(try #require(await host.send(opened())).retryAfter == .seconds(7))
    }

    @Test(arguments: ["shop/web/../../user", "shop", "shop/..", "shop/we b", "/web", "a/b?c", ""])
    func `lets no event choose another path`(name: String) async throws {
        let host = try TestHost(Comment.self, configuration: comment.with("repository", .string(name)))
        host.serve { _ in HTTPResponse(201, [:]) }
        let report = try #require(await host.send(opened()))
        #expect(report.outcome == .fail)
        #expect(report.reason.hasPrefix("invalid_repository: "))
        #expect(host.requests.isEmpty)
        let other = try TestHost(Comment.self, configuration: comment)
        other.serve { _ in HTTPResponse(201, [:]) }
        #expect(try #require(await other.send(opened(number: "7/../8"))).reason.hasPrefix("invalid_number: "))
        #expect(other.requests.isEmpty)
    }

    @Test(.enabled(if: Suites.isThere)) func `finds repository and number in real payloads`() async throws {
        var comments = 0
        for (id, payload) in try Suites.rows("github-webhooks") {
            guard payload["issue"] != nil || payload["pull_request"] != nil else { continue }
            let configuration = gitHub.with("comment", ["body": "{{data.action}} by {{data.sender.login}}"])
            let host = try TestHost(Comment.self, configuration: configuration)
            host.serve { _ in HTTPResponse(201, ["id": 1]) }
            let event = TestEvent(type: "com.github.any", json: payload)
            let report = try #require(await host.send(event))
            #expect(report.outcome == .done, "\(id): \(report.reason)")
            let number = payload["issue"]?["number"] ?? payload["pull_request"]?["number"] ?? .null
            let name = payload["repository"]?["full_name"]?.string ?? ""
            #expect(
                host.requests.first?.url == "https://api.github.com/repos/\(name)/issues/\(number)/comments", "\(id)")
            comments += 1
        }
        #expect(comments > 40)
    }

    @Test func `names the section that a handler lacks`() {
        #expect(throws: TestHostError.self) { try TestHost(Label.self, configuration: comment) }
    }
}
