import Foundation
import PatchbayDispatch
import PatchbayEvents
import PatchbayTestKit
import Testing

@testable import PatchbayRuntime

/// `builtin.http`: handlers that are URLs.
@Suite struct `URLs as handlers` {
    private static func yaml(_ server: ScriptedServer, _ config: String = "", retries: String = "policy: none")
        -> String
    {
        """
        modules:
          load: [{name: hook, builtin: http, config: {url: "http://127.0.0.1:\(server.port)/in?a=b"\(config)}}]
        policies: {retries: {default: {\(retries)}}}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        routes: [{name: work, to: [{handler: hook.http}]}]
        """
    }

    private func bench(_ count: Int = 1, extra: String = "") throws -> RunBench {
        let bench = try RunBench()
        try bench.write("events.jsonl", Events.lines(count, data: #"{"n":1.50}"#, extra: extra))
        return bench
    }

    @Test func `get the whole event as JSON, with further headers and the trace`() throws {
        let server = try ScriptedServer([.init(status: 202)])
        let bench = try bench(extra: #","partitionkey":"ü k","subject":"eu/1""#)
        let report = try bench.run(Self.yaml(server, ", headers: {authorization: Bearer x}"))
        #expect(report.status.counts.done == 1 && report.exitCode == 0 && report.drift == nil)
        let request = try #require(server.stop().first)
        #expect(request.line == "POST /in?a=b HTTP/1.1")
        #expect(request.headers["content-type"] == "application/cloudevents+json; charset=UTF-8")
        #expect(request.headers["authorization"] == "Bearer x")
        let event = try CloudEventsCodec.ofStored().event(request.body)
        #expect(event.id == "1" && event.subject == "eu/1" && event["partitionkey"] == "ü k")
        #expect(event.data.map { String(decoding: $0, as: UTF8.self) } == #"{"n":1.50}"#)
    }

    @Test func `get attributes as headers and the data as the body in binary mode`() throws {
        let server = try ScriptedServer([.init(status: 200)])
        let bench = try bench(extra: #","partitionkey":"ü \"k\" 5%","subject":"eu/1""#)
        _ = try bench.run(Self.yaml(server, ", mode: binary, method: PUT"))
        let request = try #require(server.stop().first)
        #expect(request.line == "PUT /in?a=b HTTP/1.1")
        #expect(request.headers["ce-specversion"] == "1.0")
        #expect(request.headers["ce-id"] == "1")
        #expect(request.headers["ce-type"] == "com.acme.test")
        #expect(request.headers["ce-subject"] == "eu/1")
        #expect(request.headers["ce-partitionkey"] == "%C3%BC%20%22k%22%205%25")
        #expect(request.headers["content-type"] == "application/json")
        #expect(String(decoding: request.body, as: UTF8.self) == #"{"n":1.50}"#)
    }

    @Test(arguments: [
        (200, 1, 0, 0, ""), (204, 1, 0, 0, ""), (302, 0, 0, 1, "http_302"), (400, 0, 0, 1, "http_400: no"),
        (401, 0, 0, 1, "http_401"), (408, 0, 2, 1, "http_408"), (429, 0, 2, 1, "http_429"), (500, 0, 2, 1, "http_500"),
        (0, 0, 2, 1, "broken: "),
    ]) func `fare as the status says`(status: Int, done: Int, retries: Int, dead: Int, reason: String) throws {
        let server = try ScriptedServer { _ in .init(status: status, body: Array("no".utf8), closes: status == 0) }
        let bench = try bench()
        let report = try bench.run(
            Self.yaml(server, retries: "policy: constant, duration: 1ms, maxRetries: 2, jitter: none"))
        let counts = report.counts("hook.http")
        #expect(counts.done == UInt64(done) && counts.retries == UInt64(retries) && counts.dead == UInt64(dead))
        #expect(counts.pending == 0 && report.drift == nil)
        #expect(try bench.deadLetters().map { $0["dlqreason"]?.hasPrefix(reason) } == (dead == 1 ? [true] : []))
        #expect(server.stop().count == 1 + retries)
    }

    @Test func `are done when the service has taken the event, however much it says about it`() throws {
        let server = try ScriptedServer { _ in .init(status: 200, body: [UInt8](repeating: 120, count: 1_200_000)) }
        let bench = try bench()
        let report = try bench.run(Self.yaml(server, ", headers: {Content-Type: application/json}"))
        #expect(report.counts("hook.http").done == 1)
        #expect(server.stop().map { $0.headers["content-type"] } == ["application/json"])
    }

    @Test func `wait as long as the service asks before they try again`() throws {
        let server = try ScriptedServer([.init(status: 503, headers: ["Retry-After": "1"]), .init(status: 200)])
        let bench = try bench()
        let report = try bench.run(
            Self.yaml(server, retries: "policy: constant, duration: 1ms, maxRetries: 1, retryAfterMax: 5s"))
        #expect(report.counts("hook.http").done == 1)
        _ = server.stop()
    }

    @Test func `answer many events over few connections, and hold no thread`() throws {
        let server = try ScriptedServer { _ in .init(status: 200, delay: 0.01) }
        let bench = try bench(200)
        let report = try bench.run(Self.yaml(server))
        #expect(report.counts("hook.http").done == 200 && report.drift == nil)
        #expect(server.connections <= 20)
        _ = server.stop()
    }

    @Test func `refuse a configuration without a URL, or with another scheme`() throws {
        for config in ["{}", "{url: ftp://a/}", "{url: 5}", "{url: http://a/, mode: both}", "{url: http://a/, x: 1}"] {
            let bench = try RunBench()
            #expect(throws: (any Error).self, "\(config)") {
                try bench.preparation(
                    """
                    modules: {load: [{name: hook, builtin: http, config: \(config)}]}
                    routes: [{name: work, to: [{handler: hook.http}]}]
                    """)
            }
        }
    }
}
