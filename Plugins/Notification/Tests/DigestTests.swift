import HandlerTestKit
import PatchbaySDK
import PatchbaySDKTesting
import Testing

@testable import Notification

/// The way of messages through a handler with `digest`, with timers that the test lets fire.
@Suite struct DigestTests {
    private func send(_ id: String) -> String { "send:notification=20=2Fmonitor=20\(id)" }

    private func texts(_ host: TestHost) throws -> [String] {
        try host.requests.map { try JSON(parsing: $0.body)["text"]?.string ?? "" }
    }

    @Test func `sends so many, and the rest as one when the interval ends`() async throws {
        let host = try TestHost(Slack.self, configuration: ["slack": slack, "digest": digest(2)])
        host.serve { _ in HTTPResponse(status: 200) }
        for id in ["1", "2", "3", "4", "5"] {
            let report = try #require(await host.send(titled("t\(id)", id: id)))
            #expect(report.outcome == .done)
            #expect(report.emitted.isEmpty)
        }
        #expect(host.requests.isEmpty)
        for id in ["1", "2"] {
            #expect(host.timer(send(id)) == 1)
            let report = try #require(await host.send(fired(send(id), "send")))
            #expect(report.emitted.map(\.type) == ["com.patchbay.notification.delivered"])
            #expect(try JSON(parsing: report.emitted[0].data)["id"] == .string(id))
        }
        #expect(host.timer(send("3")) == nil)
        #expect(try texts(host) == ["*t1*", "*t2*"])

        #expect(host.timer("window:") != nil)
        let ended = try #require(await host.send(fired("window:", "interval", id: "end")))
        #expect(ended.outcome == .done)
        #expect(host.state("window:") == nil)
        let report = try #require(await host.send(fired("send:timer=20end", "send")))
        #expect(try texts(host).last == "3 more of : 3xcom.example.alarm")
        #expect(report.emitted.map(\.type) == ["com.patchbay.notification.digested"])
        let data = try JSON(parsing: report.emitted[0].data)
        #expect(data["count"] == 3)
        #expect(data["sent"] == 2)
        #expect(data["channel"] == "slack")

        // A new interval.
        _ = await host.send(titled("t6", id: "6"))
        #expect(host.timer(send("6")) == 1)
    }

    @Test func `keeps a message until it is sent, and sends it once when its timer comes twice`() async throws {
        let host = try TestHost(Slack.self, configuration: ["slack": slack, "digest": digest(1)])
        _ = await host.send(titled("t1", id: "1"))
        host.serve { _ in throw Fault(.timeout) }
        let failed = try #require(await host.send(fired(send("1"), "send")))
        #expect(failed.outcome == .retry)
        host.serve { _ in HTTPResponse(status: 200) }
        let sent = try #require(await host.send(fired(send("1"), "send")))
        #expect(sent.outcome == .done)
        let again = try #require(await host.send(fired(send("1"), "send")))
        #expect(again.outcome == .skip)
        #expect(host.requests.count == 2)
        let early = try #require(await host.send(fired("window:", "interval")))
        #expect(early.outcome == .skip)
    }

    @Test func `counts keys apart, and people as well`() async throws {
        let section = email.with("to", ["{{data.title}}@example.com"])
        let configuration: JSON = ["email": section, "digest": digest(1, key: "{{type}}")]
        let host = try TestHost(Email.self, configuration: configuration)
        host.takeMail { _ in }
        let events = [("ada", "a"), ("ada", "a"), ("bob", "a"), ("ada", "b"), ("ada", "a")]
        for (index, (name, type)) in events.enumerated() {
            _ = await host.send(titled(name, id: "\(index)", type: type))
        }
        #expect((0..<5).map { host.timer(send("\($0)")) != nil } == [true, false, true, true, false])
        let window = try "window:" + Identifier.short(#"a ["ada@example.com"]"#)
        _ = await host.send(fired(window, "interval", id: "end"))
        _ = await host.send(fired("send:timer=20end", "send"))
        let mail = try #require(host.mails.last)
        #expect(mail.recipients == ["ada@example.com"])
        let content = String(decoding: mail.content, as: UTF8.self)
        #expect(content.contains("Subject: 2 more\r\n"))
        #expect(content.contains("2 more of a: 2xa"))
        #expect(content.contains("Message-ID: <timer=20end@example.com>"))
    }

    @Test func `a digest whose timer failed for good is sent by the next event`() async throws {
        // Intervals are over before the next event comes, and no timer fires.
        let brief = digest(0).with("intervalSeconds", 1e-9)
        let host = try TestHost(Slack.self, configuration: ["slack": slack, "digest": brief])
        host.serve { _ in HTTPResponse(status: 200) }
        for id in ["1", "2", "3", "4"] { #expect(await host.send(titled("t\(id)", id: id))?.outcome == .done) }
        #expect(["1", "2", "3", "4"].map { host.timer(send($0)) != nil } == [false, true, false, true])
        for id in ["2", "4"] {
            let report = try #require(await host.send(fired(send(id), "send")))
            #expect(report.emitted.map(\.type) == ["com.patchbay.notification.digested"])
        }
        #expect(try texts(host) == Array(repeating: "2 more of : 2xcom.example.alarm", count: 2))
    }

    @Test func `an event that looks like a timer's sends nothing of its own`() async throws {
        for configuration in [["slack": slack], ["slack": slack, "digest": digest(1)]] as [JSON] {
            let host = try TestHost(Slack.self, configuration: configuration)
            host.serve { _ in HTTPResponse(status: 200) }
            for (type, key) in [("send", "send:x"), ("send", "window:"), ("interval", "send:x"), ("interval", "x")] {
                var event = fired(key, type)
                event.data = Array(#"{"content": {"text": "evil"}}"#.utf8)
                let report = try #require(await host.send(event))
                #expect(report.outcome == .skip)
            }
            #expect(host.requests.isEmpty)
        }
    }

    @Test func `adds up whatever comes in between`() async throws {
        for seed in UInt64(1)...60 {
            var random = Seeded(seed)
            let host = try TestHost(Slack.self, configuration: ["slack": slack, "digest": digest(2)])
            host.serve { _ in HTTPResponse(status: 200) }
            var counted = 0
            var due: [String] = []
            let total = Int.random(in: 1...30, using: &random)
            for number in 0..<total {
                _ = await host.send(titled("x", id: "\(number)"))
                if host.timer(send("\(number)")) != nil { due.append(send("\(number)")) }
                if Int.random(in: 0..<5, using: &random) == 0 {
                    let end = try #require(await host.send(fired("window:", "interval", id: "e\(number)")))
                    if end.outcome == .done { due.append("send:timer=20e\(number)") }
                }
            }
            let last = try #require(await host.send(fired("window:", "interval", id: "last")))
            if last.outcome == .done { due.append("send:timer=20last") }
            for key in due.shuffled(using: &random) {
                let report = try #require(await host.send(fired(key, "send")))
                let data = try JSON(parsing: try #require(report.emitted.first).data)
                counted += Int(data["count"]?.integer ?? 1)
            }
            #expect(counted == total, "seed \(seed)")
        }
    }
}
