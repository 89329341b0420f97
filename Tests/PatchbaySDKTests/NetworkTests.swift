import PatchbaySDK
import PatchbaySDKTesting
import Testing

/// Posts the event's data and does what the status says.
private struct Poster: Handler {
    init(configuration: NoConfiguration, host: Host) {}

    func handle(_ event: borrowing EventView, _ call: Call) throws -> Outcome {
        let request = HTTPRequest("POST", "https://api.example.com/v1", json: try event.json())
        return try call.send(request).outcome
    }
}

/// The same without holding a thread.
private struct AsyncPoster: AsyncHandler {
    init(configuration: NoConfiguration, host: Host) {}

    func handle(_ event: borrowing EventView, _ call: Call) async throws -> Outcome {
        try await call.send(HTTPRequest("GET", "https://api.example.com/v1")).outcome
    }
}

private struct Mailer: Handler {
    init(configuration: NoConfiguration, host: Host) {}

    func handle(_ event: borrowing EventView, _ call: Call) throws -> Outcome {
        var mail = Mail(
            server: "mail.example.com:587", from: "a@example.com", recipients: ["b@example.com", "c@example.com"],
            content: Array("Subject: hi\r\n\r\nhello\r\n".utf8))
        mail.login = ("anna", "secret")
        try call.send(mail)
        return .done
    }
}

@Suite struct NetworkTests {
    private let event = TestEvent(type: "com.example.order", json: ["id": 7])

    @Test func `lends a request to the host and reads its response`() async throws {
        let host = try TestHost(Poster.self)
        host.serve { _ in HTTPResponse(status: 503, body: Array("busy".utf8), retryAfter: .seconds(7)) }
        let report = try #require(await host.send(event))
        #expect(report.outcome == .retry)
        #expect(report.reason == "http_503: busy")
        #expect(report.retryAfter == .seconds(7))
        let request = try #require(host.requests.first)
        #expect(request.method == "POST")
        #expect(request.url == "https://api.example.com/v1")
        #expect(request.headers.map(\.name) == ["content-type"])
        #expect(String(decoding: request.body, as: UTF8.self) == #"{"id":7}"#)
    }

    @Test(arguments: [
        (200, TestReport.Outcome.done, false), (204, .done, false), (301, .fail, false), (400, .fail, true),
        (401, .fail, false), (403, .fail, false), (404, .fail, true), (408, .retry, false), (409, .fail, true),
        (425, .retry, false), (429, .retry, false), (500, .retry, false), (504, .retry, false),
    ]) func `reads a status as an outcome`(status: Int, outcome: TestReport.Outcome, sparesBreaker: Bool) async throws {
        let host = try TestHost(Poster.self)
        host.serve { _ in HTTPResponse(status: status) }
        let report = try #require(await host.send(event))
        #expect(report.outcome == outcome)
        #expect(report.sparesBreaker == sparesBreaker)
    }

    @Test func `tries again what has no answer, and fails what is denied`() async throws {
        let host = try TestHost(Poster.self)
        let unserved = try #require(await host.send(event))
        #expect(unserved.outcome == .retry)
        #expect(host.requests.isEmpty)
        host.serve { _ in throw Fault(.timeout, message: "no answer in 3 s") }
        let late = try #require(await host.send(event))
        #expect(late.outcome == .retry)
        #expect(late.reason == "timeout: no answer in 3 s")
        host.serve { _ in throw Fault(.denied, message: "add a grant") }
        let denied = try #require(await host.send(event))
        #expect(denied.outcome == .fail)
        #expect(denied.reason == "denied: add a grant")
        host.serve { _ in throw Fault(.cancelled) }
        let stopped = try #require(await host.send(event))
        #expect(stopped.outcome == .cancelled)
    }

    @Test func `answers an asynchronous handler`() async throws {
        let host = try TestHost(AsyncPoster.self)
        host.serve { _ in HTTPResponse(status: 201) }
        let report = try #require(await host.send(event))
        #expect(report.outcome == .done)
        #expect(host.requests.map(\.method) == ["GET"])
    }

    @Test func `hands a mail to the host, and fails on a refusal for good`() async throws {
        let host = try TestHost(Mailer.self)
        host.takeMail { _ in }
        let report = try #require(await host.send(event))
        #expect(report.outcome == .done)
        let mail = try #require(host.mails.first)
        #expect(mail.server == "mail.example.com:587")
        #expect(mail.login?.user == "anna")
        #expect(mail.login?.password == "secret")
        #expect(mail.from == "a@example.com")
        #expect(mail.recipients == ["b@example.com", "c@example.com"])
        #expect(String(decoding: mail.content, as: UTF8.self) == "Subject: hi\r\n\r\nhello\r\n")

        host.takeMail { _ in throw Fault(.refused, status: 451, message: "greylisted") }
        let later = try #require(await host.send(event))
        #expect(later.outcome == .retry)
        host.takeMail { _ in throw Fault(.refused, status: 550, message: "no such user") }
        let never = try #require(await host.send(event))
        #expect(never.outcome == .fail)
        #expect(never.reason == "refused: no such user")
        #expect(never.code == 550)
    }

    @Test func `encodes a form as browsers do, but for the space`() {
        let request = HTTPRequest("POST", "https://a.example", form: ["a b": "x&y=z", "ü": "1*-._2"])
        #expect(String(decoding: request.body, as: UTF8.self) == "a%20b=x%26y%3Dz&%C3%BC=1*-._2")
    }
}
