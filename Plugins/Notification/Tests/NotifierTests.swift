import PatchbaySDK
import PatchbaySDKTesting
import Testing

@testable import Notification

@Suite struct NotifierTests {
    @Test func `mails what the templates make of an event`() async throws {
        let section = email.with("user", "anna").with("password", "secret").with(
            "to", ["{{data.to}}", "ops@example.com"])
        let host = try TestHost(Email.self, configuration: ["email": section])
        host.takeMail { _ in }
        var event = titled("Kräne & <Co>")
        event.data = Array(#"{"title": "Kräne & <Co>", "to": "eve@example.com"}"#.utf8)
        let report = try #require(await host.send(event))
        #expect(report.outcome == .done)
        let mail = try #require(host.mails.first)
        #expect(mail.server == "mail.example.com:587")
        #expect(mail.login?.user == "anna")
        #expect(mail.login?.password == "secret")
        #expect(mail.from == "shop@example.com")
        #expect(mail.recipients == ["eve@example.com", "ops@example.com"])
        let content = String(decoding: mail.content, as: UTF8.self)
        #expect(content.contains("Message-ID: <notification=20=2Fmonitor=207@example.com>\r\n"))
        #expect(content.contains("\r\n\r\nHello Kr=C3=A4ne & <Co>\r\n"))
        let draft = try #require(report.emitted.first)
        #expect(draft.type == "com.patchbay.notification.delivered")
        #expect(
            try JSON(parsing: draft.data) == [
                "id": "7", "source": "/test", "type": "com.example.alarm", "channel": "email", "recipients": 2,
                "messageId": "notification=20=2Fmonitor=207@example.com",
            ])
    }

    @Test func `escapes values for HTML in a mail's HTML alone`() async throws {
        let host = try TestHost(Email.self, configuration: ["email": email.with("html", "<b>{{data.title}}</b>")])
        host.takeMail { _ in }
        _ = await host.send(titled("<script>&"))
        let content = String(decoding: try #require(host.mails.first).content, as: UTF8.self)
        #expect(content.contains("<b>&lt;script&gt;&amp;</b>"))
        #expect(content.contains("Hello <script>&"))
    }

    @Test(arguments: [(451, TestReport.Outcome.retry), (550, .fail), (535, .fail)])
    func `tries again what a mail server refuses for now`(code: Int, outcome: TestReport.Outcome) async throws {
        let host = try TestHost(Email.self, configuration: ["email": email])
        host.takeMail { _ in throw Fault(.refused, status: code, message: "no") }
        let report = try #require(await host.send(titled("x")))
        #expect(report.outcome == outcome)
        #expect(report.emitted.isEmpty)
    }

    @Test func `rejects an event whose address is none, and sends nothing`() async throws {
        let host = try TestHost(Email.self, configuration: ["email": email.with("to", ["{{data.title}}"])])
        host.takeMail { _ in }
        let report = try #require(await host.send(titled("a@example.com\r\nRCPT TO:<b@example.com>")))
        #expect(report.outcome == .fail)
        #expect(report.sparesBreaker)
        #expect(report.reason.hasPrefix("invalid_address: "))
        #expect(host.mails.isEmpty)
    }

    @Test func `posts to a chat, where no value can mention or link`() async throws {
        let section = slack.with("channel", "#shop").with("username", "bot").with("iconEmoji", ":bell:")
        let host = try TestHost(Slack.self, configuration: ["slack": section])
        host.serve { _ in HTTPResponse(status: 200, body: Array("ok".utf8)) }
        let report = try #require(await host.send(titled("<!channel> & <https://evil|good> @all")))
        #expect(report.outcome == .done)
        let body = try JSON(parsing: try #require(host.requests.first).body)
        #expect(
            body == [
                "text": "*&lt;!channel&gt; &amp; &lt;https:\u{200B}//evil|good&gt; @\u{200B}all*", "channel": "#shop",
                "username": "bot", "icon_emoji": ":bell:",
            ])
    }

    @Test(arguments: [
        ("@channel @here @everyone", "@\u{200B}channel @\u{200B}here @\u{200B}everyone"),
        ("see https://evil.example/x", "see https:\u{200B}//evil.example/x"),
        ("WWW.evil.example www", "WWW\u{200B}.evil.example www"), ("ann@example.com", "ann@\u{200B}example.com"),
        ("[good](/evil)", "[good]\u{200B}(/evil)"), ("||spoiler||", "|\u{200B}|spoiler|\u{200B}|\u{200B}"),
        ("*b* `c` ~s~ _i_ db_1", "∗b∗ ˋcˋ ∼s∼ ˍiˍ db_1"), ("``` __x__", "ˋˋˋ ˍˍxˍˍ"),
        ("https:", "https:\u{200B}"), ("12:30 a/b a.b", "12:30 a/b a.b"), ("é@\u{301}", "é@\u{200B}\u{301}"),
    ])
    func `a chat's value mentions nobody, is no link and formats nothing`(value: String, text: String) async throws {
        let host = try TestHost(
            Slack.self, configuration: ["slack": slack.with("text", "{{data.title}}//{{{data.title}}}")])
        host.serve { _ in HTTPResponse(status: 200) }
        #expect(await host.send(titled(value))?.outcome == .done)
        let body = try JSON(parsing: try #require(host.requests.first).body)
        #expect(body["text"] == .string("\(text)//\(value)"))
    }

    @Test(arguments: [(200, TestReport.Outcome.done), (204, .done), (503, .retry), (404, .fail), (0, .retry)])
    func `an answer that is too large counts as its status says`(
        status: Int, outcome: TestReport.Outcome
    ) async throws {
        let chat = try TestHost(Slack.self, configuration: ["slack": slack])
        let hook = try TestHost(Webhook.self, configuration: ["webhook": webhook])
        for host in [chat, hook] {
            host.serve { _ in throw Fault(.tooLarge, status: status) }
            let report = try #require(await host.send(titled("x")))
            #expect(report.outcome == outcome)
            #expect(report.emitted.count == (outcome == .done ? 1 : 0))
        }
    }

    @Test(arguments: [(404, TestReport.Outcome.fail), (410, .fail), (403, .fail), (429, .retry), (500, .retry)])
    func `does what the status of a webhook says`(status: Int, outcome: TestReport.Outcome) async throws {
        let host = try TestHost(Slack.self, configuration: ["slack": slack])
        host.serve { _ in HTTPResponse(status: status, body: Array("why".utf8), retryAfter: .seconds(9)) }
        let report = try #require(await host.send(titled("x")))
        #expect(report.outcome == outcome)
        #expect(report.retryAfter == (outcome == .retry ? .seconds(9) : nil))
        #expect(!report.reason.contains("services/T/B/x"))
    }

    @Test func `posts the event itself at a webhook, with a key to know it again by`() async throws {
        let host = try TestHost(Webhook.self, configuration: ["webhook": webhook.with("headers", ["X-Token": "t"])])
        host.serve { _ in HTTPResponse(status: 202) }
        let report = try #require(await host.send(titled("x")))
        #expect(report.outcome == .done)
        let request = try #require(host.requests.first)
        #expect(request.headers.map(\.name) == ["X-Token", "content-type", "idempotency-key"])
        #expect(
            request.headers.map(\.value)[1...] == ["application/cloudevents+json", "notification=20=2Fmonitor=207"])
        #expect(
            try JSON(parsing: request.body) == [
                "specversion": "1.0", "id": "7", "source": "/test", "type": "com.example.alarm", "subject": "disk",
                "time": "2026-03-02T09:00:01Z", "datacontenttype": "application/json", "data": ["title": "x"],
            ])
    }

    @Test func `fills a webhook's JSON without breaking it`() async throws {
        let body =
            #"{"text": "{{data.title}}", "n": {{data.n}}, "all": {{{data}}}, "tags": [{{#data.tags}}"{{.}}",{{/data.tags}} 0]}"#
        let host = try TestHost(Webhook.self, configuration: ["webhook": webhook.with("body", .string(body))])
        host.serve { _ in HTTPResponse(status: 200) }
        var event = titled("")
        let data: JSON = ["title": "\"}, \\ \n\u{1} {{id}}", "n": 5, "tags": ["a\"", "b"]]
        event.data = Array(data.description.utf8)
        let report = try #require(await host.send(event))
        #expect(report.outcome == .done)
        #expect(
            try JSON(parsing: try #require(host.requests.first).body) == [
                "text": "\"}, \\ \n\u{1} {{id}}", "n": 5, "all": data, "tags": ["a\"", "b", 0],
            ])
    }

    @Test func `rejects an event that makes a webhook's body no JSON`() async throws {
        let host = try TestHost(
            Webhook.self, configuration: ["webhook": webhook.with("body", "{\"n\": {{data.title}}}")])
        host.serve { _ in HTTPResponse(status: 200) }
        let report = try #require(await host.send(titled("not a number")))
        #expect(report.outcome == .fail)
        #expect(report.reason.hasPrefix("bad_template: "))
        #expect(host.requests.isEmpty)
    }

    @Test func `names the section that a handler lacks, and what is wrong with a template`() {
        #expect(throws: TestHostError.self) { try TestHost(Email.self, configuration: ["slack": slack]) }
        #expect(throws: TestHostError.self) {
            try TestHost(Slack.self, configuration: ["slack": slack.with("text", "{{#open}}")])
        }
        #expect(throws: TestHostError.self) {
            try TestHost(Email.self, configuration: ["email": email.with("from", "nobody")])
        }
        for member in ["subject", "text", "key"] {
            let broken = digest(1).with(member, "{{#open}}")
            #expect(throws: TestHostError.self) {
                try TestHost(Slack.self, configuration: ["slack": slack, "digest": broken])
            }
        }
    }
}
