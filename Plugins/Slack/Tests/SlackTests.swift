import Foundation
import PatchbaySDK
import PatchbaySDKTesting
import Testing

@testable import Slack

private let channel =
    "{{data.event.channel | data.event.item.channel | data.event.channel_id | data.event.channel.id | data.channel}}"

private let slack: JSON = [
    "token": "xoxb-secret", "baseURL": "https://slack.com/api", "timeoutSeconds": 10, "lookup": "retries",
    "channel": .string(channel),
    "thread": "{{data.event.thread_ts?}}", "ts": "{{data.event.ts | data.ts}}",
    "text": "{{data.text | data.event.text}}",
]

private func mention(attempt: Int = 1, thread: JSON? = nil) -> TestEvent {
    var event: [String: JSON] = ["type": "app_mention", "channel": "C1", "ts": "17.1", "text": "<@U1> & co"]
    event["thread_ts"] = thread
    var test = TestEvent(type: "com.slack.app_mention", json: ["event": .object(event)])
    test.id = "Ev1"
    test.idempotencyKey = "slack.post /slack Ev1"
    test.time = "2026-03-02T09:00:01Z"
    test.attempt = attempt
    return test
}

private func answer(_ status: Int, _ body: JSON, retryAfter: Duration? = nil) -> HTTPResponse {
    HTTPResponse(status: status, body: Array(body.description.utf8), retryAfter: retryAfter)
}

private func changed(_ json: JSON, _ name: String, _ value: JSON) -> JSON {
    guard case .object(var members) = json else { return json }
    members[name] = value
    return .object(members)
}

@Suite struct SlackTests {
    private let suite =
        "\(ProcessInfo.processInfo.environment["PATCHBAY_SUITES"] ?? "/nowhere")/realdata/slack-events.jsonl"

    @Test func `posts a message with the event's key in its metadata`() async throws {
        let host = try TestHost(Post.self, configuration: slack)
        host.serve { _ in answer(200, ["ok": true, "channel": "C1", "ts": "18.2"]) }
        let report = try #require(await host.send(mention(thread: "16.0")))
        #expect(report.outcome == .done)
        let request = try #require(host.requests.first)
        #expect(request.url == "https://slack.com/api/chat.postMessage")
        #expect(request.headers.contains { $0 == ("authorization", "Bearer xoxb-secret") })
        #expect(
            try JSON(parsing: request.body) == [
                "channel": "C1", "text": "&lt;@U1&gt; &amp; co", "thread_ts": "16.0",
                "metadata": ["event_type": "patchbay", "event_payload": ["key": "slack.post /slack Ev1"]],
            ])
        let draft = try #require(report.emitted.first)
        #expect(draft.type == "com.patchbay.slack.posted")
        #expect(try JSON(parsing: draft.data) == ["event": "Ev1", "channel": "C1", "ts": "18.2"])
    }

    @Test(arguments: [("", "conversations.history"), ("16.0", "conversations.replies")])
    func `looks for its message before it tries again`(thread: String, method: String) async throws {
        let host = try TestHost(Post.self, configuration: slack)
        host.serve { request in
            guard request.method == "GET" else { return answer(200, ["ok": true, "ts": "19.0"]) }
            let ours: JSON = ["ts": "18.2", "metadata": ["event_payload": ["key": "slack.post /slack Ev1"]]]
            return answer(200, ["ok": true, "messages": [["ts": "18.3"], ours]])
        }
        let report = try #require(await host.send(mention(attempt: 2, thread: thread.isEmpty ? nil : .string(thread))))
        #expect(report.outcome == .done)
        #expect(try JSON(parsing: report.emitted[0].data)["ts"] == "18.2")
        #expect(host.requests.count == 1)
        let url = try #require(host.requests.first?.url)
        #expect(url.hasPrefix("https://slack.com/api/\(method)?channel=C1&"))
        #expect(url.contains("include_all_metadata=true"))
        #expect(url.hasSuffix("&oldest=1772441941"))
        host.serve { request in
            answer(200, request.method == "GET" ? ["ok": true, "messages": []] : ["ok": true, "ts": "19.0"])
        }
        let second = try #require(await host.send(mention(attempt: 3)))
        #expect(try JSON(parsing: second.emitted[0].data)["ts"] == "19.0")
    }

    @Test func `posts again where it may not look, and says so`() async throws {
        let host = try TestHost(Post.self, configuration: slack)
        host.serve { request in
            answer(
                200, request.method == "GET" ? ["ok": false, "error": "missing_scope"] : ["ok": true, "ts": "19.0"])
        }
        let report = try #require(await host.send(mention(attempt: 2)))
        #expect(report.outcome == .done)
        #expect(host.logs.map(\.message).contains { $0.contains("may not call conversations.history") })
        host.serve { _ in answer(200, ["ok": false, "error": "ratelimited"]) }
        #expect(try #require(await host.send(mention(attempt: 3))).outcome == .retry)
    }

    @Test func `changes a message`() async throws {
        let host = try TestHost(Update.self, configuration: slack)
        host.serve { _ in answer(200, ["ok": true]) }
        var event = mention()
        event.data = Array(#"{"channel": "C1", "ts": "18.2", "text": "done"}"#.utf8)
        let report = try #require(await host.send(event))
        #expect(report.outcome == .done)
        #expect(host.requests.first?.url == "https://slack.com/api/chat.update")
        #expect(
            try JSON(parsing: try #require(host.requests.first).body) == [
                "channel": "C1", "ts": "18.2", "text": "done",
            ])
        #expect(report.emitted.map(\.type) == ["com.patchbay.slack.updated"])
    }

    @Test(arguments: [
        ("ratelimited", 200, TestReport.Outcome.retry, false, "rate_limited"),
        ("ratelimited", 429, .retry, false, "rate_limited"),
        ("internal_error", 200, .retry, false, "unavailable"), ("fatal_error", 200, .retry, false, "unavailable"),
        ("invalid_auth", 200, .fail, false, "unauthorized"), ("missing_scope", 200, .fail, false, "unauthorized"),
        ("channel_not_found", 200, .fail, true, "channel_not_found"), ("is_archived", 200, .fail, true, "is_archived"),
        ("not_in_channel", 200, .fail, true, "not_in_channel"), ("msg_too_long", 200, .fail, true, "msg_too_long"),
        ("of_tomorrow", 200, .fail, true, "of_tomorrow"),
    ]) func `reads an error that comes with 200`(
        error: String, status: Int, outcome: TestReport.Outcome, spares: Bool, name: String
    ) async throws {
        let host = try TestHost(Post.self, configuration: slack)
        host.serve { _ in answer(status, ["ok": false, "error": .string(error)], retryAfter: .seconds(4)) }
        let report = try #require(await host.send(mention()))
        #expect(report.outcome == outcome)
        #expect(report.sparesBreaker == spares)
        #expect(report.reason.hasPrefix("\(name): "))
        #expect(report.retryAfter == (outcome == .retry ? .seconds(4) : nil))
        #expect(!report.reason.contains("xoxb"))
    }

    @Test(arguments: [(429, TestReport.Outcome.retry), (503, .retry), (200, .retry), (302, .fail)])
    func `reads an answer that is no JSON by its status`(status: Int, outcome: TestReport.Outcome) async throws {
        let host = try TestHost(Post.self, configuration: slack)
        host.serve { _ in HTTPResponse(status: status, body: Array("<html>".utf8)) }
        #expect(try #require(await host.send(mention())).outcome == outcome)
    }

    @Test func `answers where real events say`() async throws {
        guard FileManager.default.fileExists(atPath: suite) else { return }
        var posts = 0
        for line in try Data(contentsOf: URL(fileURLWithPath: suite)).split(separator: UInt8(ascii: "\n")) {
            let row = try JSON(parsing: Array(line))
            guard let payload = row["payload"], let event = payload["event"] else { continue }
            let places = [event["channel"], event["channel"]?["id"], event["item"]?["channel"]]
            guard places.contains(where: { $0?.string != nil }) else { continue }
            // These payloads are templates whose texts are empty.
            let host = try TestHost(Post.self, configuration: changed(slack, "text", "seen {{data.event.type}}"))
            host.serve { _ in answer(200, ["ok": true, "ts": "1.1"]) }
            let report = try #require(await host.send(TestEvent(type: "com.slack.any", json: payload)))
            #expect(report.outcome == .done, "\(row["id"] ?? .null): \(report.reason)")
            posts += 1
        }
        #expect(posts > 30)
    }
}
