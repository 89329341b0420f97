import CPatchbay
import Foundation
import PatchbayEvents
import PatchbayTelemetry
import PatchbayTestKit
import PatchbayTransfers
import Synchronization
import Testing

@testable import PatchbayModules

/// `patchbay.http` and `patchbay.mail` as a module sees them, against a server on loopback.
@Suite(.inlineAndFromWorker) struct `network services` {
    /// Where an answer lands that the host gives.
    private final class Inbox: Sendable {
        struct Answer: Sendable {
            var fault: Int32
            var status: Int32
            var body: String
            var header: String
            var retryAfter: UInt64
            var message: String
        }

        let answers = Mutex<[Answer]>([])

        /// Waits for the first answer.
        func first() throws -> Answer {
            for _ in 0..<6_000 {
                if let answer = answers.withLock({ $0.first }) { return answer }
                Thread.sleep(forTimeInterval: 0.01)
            }
            return try #require(answers.withLock { $0.first }, "no answer came")
        }

        var context: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

        static let answered: patchbay_answered = { context, answer in
            guard let context, let answer = answer?.pointee else { return }
            let text = UnsafeBufferPointer(start: answer.body, count: Int(answer.body_len))
            let first = answer.header_count > 0 ? answer.headers[0] : patchbay_kv()
            let copy = Answer(
                fault: answer.fault, status: answer.status, body: String(decoding: text, as: UTF8.self),
                header: "\(String(first.key)): \(String(first.value))", retryAfter: answer.retry_after_ns,
                message: String(answer.message))
            Unmanaged<Inbox>.fromOpaque(context).takeUnretainedValue().answers.withLock { $0.append(copy) }
        }
    }

    private let sampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    private func bench(_ granted: [String] = ["127.0.0.1"]) -> ModuleBench {
        let bench = ModuleBench()
        bench.network = NetworkGrant(declared: ["*"], granted: granted)
        return bench
    }

    private func request(_ url: String, headers: [(String, String)] = [], body: String = "") -> patchbay_http_request {
        var request = patchbay_http_request()
        request.size = UInt32(MemoryLayout<patchbay_http_request>.size)
        request.url = lasting(url)
        request.headers = lasting(headers)
        request.header_count = UInt64(headers.count)
        let text = lasting(body)
        request.body = UnsafeRawPointer(text.ptr)?.assumingMemoryBound(to: UInt8.self)
        request.body_len = text.len
        return request
    }

    @Test func `answer a request with what the service says, on another thread`() throws {
        let server = try ScriptedServer([
            .init(status: 429, headers: ["Retry-After": "2"], body: Array("slow down".utf8))
        ])
        let bench = bench()
        let http = try bench.service(HostServiceID.http, patchbay_http.self)
        let call = bench.open()
        let inbox = Inbox()
        var wire = request("http://127.0.0.1:\(server.port)/pay", body: #"{"a":1}"#)
        let status = http.send(bench.host, call, &wire, Inbox.answered, inbox.context)
        #expect(status == .ok)
        let answer = try inbox.first()
        #expect(answer.fault == 0)
        #expect(answer.status == 429)
        #expect(answer.body == "slow down")
        #expect(answer.header == "content-length: 9")
        #expect(answer.retryAfter == 2_000_000_000)
        let seen = try #require(server.stop().first)
        #expect(seen.line == "POST /pay HTTP/1.1")
        #expect(seen.headers["traceparent"] == nil, "an event that is not sampled has no trace to go on with")
        bench.environment.transfers?.stop()
        #expect(inbox.answers.withLock { $0.count } == 1)
    }

    @Test func `carry the trace on from a span of the exchange, which says nothing that may be secret`() throws {
        let server = try ScriptedServer([.init(status: 200), .init(status: 200)])
        let bench = bench()
        let http = try bench.service(HostServiceID.http, patchbay_http.self)
        let call = bench.open(traceparent: sampled)
        let inbox = Inbox()
        var wire = request("http://127.0.0.1:\(server.port)/services/T0/SECRET?token=SECRET", body: "x")
        #expect(http.send(bench.host, call, &wire, Inbox.answered, inbox.context) == .ok)
        _ = try inbox.first()
        let own = Inbox()
        var given = request("http://127.0.0.1:\(server.port)/", headers: [("Traceparent", "mine")])
        #expect(http.send(bench.host, call, &given, Inbox.answered, own.context) == .ok)
        _ = try own.first()
        bench.environment.transfers?.stop()
        let seen = server.stop()
        _ = bench.settle(call)
        bench.tracer.shutdown(timeout: 60_000_000_000)
        let spans = bench.exporter.all
        let span = try #require(spans.first { $0.name == "POST" })
        #expect(span.kind == .client)
        #expect(seen.first?.headers["traceparent"] == span.context.traceparent)
        #expect(span.context.traceID == TraceContext(traceparent: sampled)?.traceID)
        #expect(seen.last?.headers["traceparent"] == "mine")
        #expect(span["http.response.status_code"] == .int(200))
        #expect(!"\(spans)".contains("SECRET"))
    }

    @Test(arguments: [
        ("http://127.0.0.2:9/", PATCHBAY_FAULT_DENIED, "127.0.0.2"), ("nonsense", PATCHBAY_FAULT_REQUEST, "malformed"),
        ("http://u:p@127.0.0.1/", PATCHBAY_FAULT_REQUEST, "user"),
        ("ftp://127.0.0.1/", PATCHBAY_FAULT_REQUEST, "ftp"), ("", PATCHBAY_FAULT_REQUEST, "malformed"),
    ]) func `answer what is malformed or not granted at once, and say why`(
        url: String, fault: Int, reason: String
    ) throws {
        let bench = bench()
        let http = try bench.service(HostServiceID.http, patchbay_http.self)
        let inbox = Inbox()
        var wire = request(url)
        #expect(http.send(bench.host, bench.open(), &wire, Inbox.answered, inbox.context) == .ok)
        let answer = try inbox.first()
        #expect(Int(answer.fault) == fault)
        #expect(answer.message.contains(reason))
    }

    @Test(arguments: ["Host", "content-length", "Transfer-Encoding", "connection", "expect"])
    func `keep to themselves what says where a message ends and who it is for`(header: String) throws {
        let bench = bench()
        let http = try bench.service(HostServiceID.http, patchbay_http.self)
        let inbox = Inbox()
        var wire = request("http://127.0.0.1:9/", headers: [(header, "5")], body: "longer than that")
        #expect(http.send(bench.host, bench.open(), &wire, Inbox.answered, inbox.context) == .ok)
        #expect(try inbox.first().fault == PATCHBAY_FAULT_REQUEST)
    }

    @Test func `refuse calls that are over or muted, short structures and missing functions`() throws {
        let bench = bench()
        let http = try bench.service(HostServiceID.http, patchbay_http.self)
        let over = bench.open()
        _ = bench.settle(over)
        var wire = request("http://127.0.0.1:9/")
        #expect(http.send(bench.host, over, &wire, Inbox.answered, nil) == .stale)
        #expect(http.send(bench.host, 0, &wire, Inbox.answered, nil) == .stale)
        let muted = bench.open(extensions: [("tenant", "a"), ("patchbaymuted", "true")])
        let inbox = Inbox()
        #expect(http.send(bench.host, muted, &wire, Inbox.answered, inbox.context) == .ok)
        let answer = try inbox.first()
        #expect(answer.fault == PATCHBAY_FAULT_DENIED)
        #expect(answer.message.contains("muted"))
        let call = bench.open()
        #expect(http.send(bench.host, call, &wire, nil, nil) == .badArgument)
        #expect(http.send(bench.host, call, nil, Inbox.answered, nil) == .badArgument)
        #expect(http.send(nil, call, &wire, Inbox.answered, nil) == .badArgument)
        wire.header_count = 1
        wire.headers = nil
        #expect(http.send(bench.host, call, &wire, Inbox.answered, nil) == .badArgument)
        wire.size = 8
        #expect(http.send(bench.host, call, &wire, Inbox.answered, nil) == .badArgument)
        wire = request("http://127.0.0.1:9/")
        wire.body_len = 1 << 40
        wire.body = UnsafePointer(bitPattern: 8)
        #expect(http.send(bench.host, call, &wire, Inbox.answered, nil) == .limit)
    }

    @Test func `end a request with the call's deadline`() throws {
        let server = try ScriptedServer { _ in .init(status: 0) }
        let bench = bench()
        let http = try bench.service(HostServiceID.http, patchbay_http.self)
        let call = bench.open()
        let index = Int(bench.hostCall(call) & 0xFF_FFFF)
        bench.calls.views[index].deadline_ns = TelemetryClock.monotonicNow() + 100_000_000
        let inbox = Inbox()
        var wire = request("http://127.0.0.1:\(server.port)/")
        #expect(http.send(bench.host, call, &wire, Inbox.answered, inbox.context) == .ok)
        #expect(try inbox.first().fault == PATCHBAY_FAULT_TIMEOUT)
        bench.environment.transfers?.stop()
        _ = server.stop()
    }

    @Test func `grant mail servers as they grant others`() throws {
        let bench = bench(["mail.example.com"])
        let mail = try bench.service(HostServiceID.mail, patchbay_mail.self)
        var wire = patchbay_mail_message()
        wire.size = UInt32(MemoryLayout<patchbay_mail_message>.size)
        wire.server = lasting("smtp://127.0.0.1:1")
        wire.from = lasting("a@example.com")
        #expect(mail.send(bench.host, bench.open(), &wire, Inbox.answered, nil) == .badArgument)
        let recipient = lasting("b@example.com")
        withUnsafePointer(to: recipient) { recipients in
            wire.recipients = recipients
            wire.recipient_count = 1
            let inbox = Inbox()
            #expect(mail.send(bench.host, bench.open(), &wire, Inbox.answered, inbox.context) == .ok)
            #expect(inbox.answers.withLock { $0.first?.fault } == Int32(PATCHBAY_FAULT_DENIED))
        }
    }
}
