import PatchbaySDK
import PatchbaySDKTesting
import Testing

@testable import Linear

private let linear: JSON = [
    "token": "lin_secret", "url": "https://api.linear.app/graphql", "timeoutSeconds": 15,
    "create": [
        "team": "team-1", "title": "{{data.issue.title}}", "description": "From {{data.issue.html_url?}}",
        "priority": "{{data.priority?}}", "assignee": "", "project": "", "state": "", "labels": ["{{data.label?}}"],
    ],
    "transition": ["issue": "{{data.linear}}", "state": "Done"],
]

private func event(_ data: JSON = ["issue": ["title": "It breaks"]], attempt: Int = 1) -> TestEvent {
    var event = TestEvent(type: "com.github.issues.opened", json: data)
    event.id = "gh-1"
    event.idempotencyKey = "linear.create //gh gh-1"
    event.attempt = attempt
    return event
}

private func answer(_ body: JSON, status: Int = 200, headers: [HTTPRequest.Header] = []) -> HTTPResponse {
    HTTPResponse(status: status, headers: headers, body: Array(body.description.utf8))
}

private func errors(_ code: String, _ message: String = "It failed.") -> JSON {
    ["errors": [["message": .string(message), "extensions": ["code": .string(code)]]]]
}

@Suite struct LinearTests {
    private let issue: JSON = ["id": "i", "identifier": "ENG-1", "url": "https://linear.app/i"]

    @Test func `creates an issue under an id of its own`() async throws {
        let host = try TestHost(Create.self, configuration: linear)
        let issue = issue
        host.serve { _ in answer(["data": ["issueCreate": ["success": true, "issue": issue]]]) }
        let report = try #require(
            await host.send(event(["issue": ["title": "It breaks"], "priority": 2, "label": "l1"])))
        #expect(report.outcome == .done)
        let request = try #require(host.requests.first)
        #expect(request.url == "https://api.linear.app/graphql")
        #expect(request.headers.contains { $0 == ("authorization", "lin_secret") })
        let body = try JSON(parsing: request.body)
        #expect(body["query"]?.string?.contains("issueCreate(input: $input)") == true)
        let input = try #require(body["variables"]?["input"])
        let id = try #require(input["id"]?.string)
        #expect(id.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/) != nil)
        #expect(
            input == [
                "id": .string(id), "teamId": "team-1", "title": "It breaks", "description": "From ", "priority": 2,
                "labelIds": ["l1"],
            ])
        let draft = try #require(report.emitted.first)
        #expect(draft.type == "com.patchbay.linear.created")
        #expect(draft.subject == "ENG-1")
        #expect(
            try JSON(parsing: draft.data) == [
                "event": "gh-1", "id": .string(id), "identifier": "ENG-1", "url": "https://linear.app/i",
            ])
        _ = await host.send(event(attempt: 2))
        #expect(try JSON(parsing: host.requests[1].body)["variables"]?["input"]?["id"] == .string(id))
    }

    @Test func `finds the issue that an earlier attempt created`() async throws {
        let host = try TestHost(Create.self, configuration: linear)
        let issue = issue
        host.serve { request in
            let body = String(decoding: request.body, as: UTF8.self)
            return body.contains("issueCreate")
                ? answer(errors("INVALID_INPUT", "id is taken"), status: 400) : answer(["data": ["issue": issue]])
        }
        let report = try #require(await host.send(event(attempt: 2)))
        #expect(report.outcome == .done)
        #expect(report.emitted.map(\.subject) == ["ENG-1"])
    }

    @Test func `fails for what was wrong when the issue is not there, and waits when that cannot be told`() async throws
    {
        let host = try TestHost(Create.self, configuration: linear)
        host.serve { request in
            let body = String(decoding: request.body, as: UTF8.self)
            return answer(errors(body.contains("issueCreate") ? "INVALID_INPUT" : "ENTITY_NOT_FOUND"), status: 400)
        }
        let refused = try #require(await host.send(event()))
        #expect(refused.outcome == .fail)
        #expect(refused.sparesBreaker)
        #expect(refused.reason == "invalid_request: It failed.")
        host.serve { request in
            let body = String(decoding: request.body, as: UTF8.self)
            return answer(errors(body.contains("issueCreate") ? "INVALID_INPUT" : "INTERNAL_SERVER_ERROR"), status: 400)
        }
        #expect(try #require(await host.send(event())).outcome == .retry)
    }

    @Test(arguments: [
        ("RATELIMITED", 400, TestReport.Outcome.retry, "rate_limited"),
        ("AUTHENTICATION_ERROR", 400, .fail, "unauthorized"),
        ("FORBIDDEN", 200, .fail, "unauthorized"), ("INTERNAL_SERVER_ERROR", 200, .retry, "unavailable"),
        ("GRAPHQL_VALIDATION_FAILED", 400, .fail, "invalid_request"), ("INPUT_ERROR", 200, .fail, "invalid_request"),
        ("", 401, .fail, "unauthorized"), ("", 503, .retry, "unavailable"), ("", 200, .fail, "invalid_request"),
    ]) func `reads an error by its code`(code: String, status: Int, outcome: TestReport.Outcome, name: String)
        async throws
    {
        let host = try TestHost(Transition.self, configuration: linear)
        host.serve { _ in answer(errors(code), status: status) }
        let report = try #require(await host.send(event(["linear": "ENG-1"])))
        #expect(report.outcome == outcome)
        #expect(report.reason.hasPrefix("\(name): "))
        #expect(!report.reason.contains("lin_secret"))
    }

    @Test func `waits until the window of requests begins anew`() throws {
        let headers = [("x-ratelimit-requests-remaining", "0"), ("x-ratelimit-requests-reset", "1772442061000")]
        let response = answer(errors("RATELIMITED"), status: 400, headers: headers)
        guard case .failed(let outcome) = Linear.read(response, now: 1_772_442_001_000_000_000) else {
            Issue.record("not failed")
            return
        }
        #expect(String(describing: outcome).contains("retryAfterNanoseconds: 60000000000"))
    }

    @Test func `moves an issue by the name of the state, and leaves one that is there`() async throws {
        for (current, requests) in [("s1", 2), ("s2", 1)] {
            let host = try TestHost(Transition.self, configuration: linear)
            host.serve { request in
                if String(decoding: request.body, as: UTF8.self).contains("issueUpdate") {
                    return answer(["data": ["issueUpdate": ["success": true]]])
                }
                let states: JSON = ["nodes": [["id": "s2", "name": "Done"]]]
                return answer([
                    "data": [
                        "issue": [
                            "id": "i", "identifier": "ENG-1", "state": ["id": .string(current), "name": "Doing"],
                            "team": ["states": states],
                        ]
                    ]
                ])
            }
            let report = try #require(await host.send(event(["linear": "ENG-1"])))
            #expect(report.outcome == .done)
            #expect(host.requests.count == requests)
            #expect(try JSON(parsing: host.requests[0].body)["variables"] == ["id": "ENG-1", "name": "Done"])
            if requests == 2 {
                #expect(try JSON(parsing: host.requests[1].body)["variables"] == ["id": "i", "state": "s2"])
            }
            #expect(report.emitted.map(\.type) == ["com.patchbay.linear.transitioned"])
        }
    }

    @Test func `rejects a state that the team does not have`() async throws {
        let host = try TestHost(Transition.self, configuration: linear)
        host.serve { _ in
            answer(["data": ["issue": ["id": "i", "identifier": "ENG-1", "team": ["states": ["nodes": []]]]]])
        }
        let report = try #require(await host.send(event(["linear": "ENG-1"])))
        #expect(report.outcome == .fail)
        #expect(report.reason.hasPrefix("unknown_state: "))
    }
}
