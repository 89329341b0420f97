import Foundation
import SwiftProtobuf
import Synchronization
import PatchbayTestKit
import Testing

@testable import PatchbayTelemetry

struct OTLPEndpointTests {
    @Test(arguments: [
        ("http://host:4318", "http://host:4318/v1/traces", "http://host:4318/v1/metrics"),
        ("HTTPS://host/", "https://host/v1/traces", "https://host/v1/metrics"),
        ("https://host/a/v1/traces", "https://host/a/v1/traces", "https://host/a/v1/metrics"),
        ("http://host/custom", "http://host/custom", nil),
        ("http://[::1]:4318", "http://[::1]:4318/v1/traces", "http://[::1]:4318/v1/metrics"),
    ])
    func `appends the signal's path to a bare host and keeps a full path`(
        text: String, traces: String, metrics: String?
    )
        throws
    {
        let endpoint = try OTLPEndpoint(text)
        #expect(endpoint.traces == traces)
        #expect(endpoint.metrics == metrics)
    }

    @Test(arguments: [
        "", "host:4318", "ftp://host", "http://", "http:///v1", "http://:80", "http://a b", "http://h/#x",
    ])
    func `refuses what is no endpoint and says what it expects`(text: String) {
        let error = #expect(throws: TelemetryError.self) { try OTLPEndpoint(text) }
        #expect(error?.code == .configuration && error?.message.contains("expected http://host:4318") == true)
    }
}

struct RetryBackoffTests {
    @Test func `doubles its waits up to the longest and gives up after the total`() {
        var settings = RetryBackoff.Configuration()
        (settings.first, settings.longest, settings.total) = (100, 400, 1_500)
        var backoff = RetryBackoff(settings)
        // The largest draw is the whole wait: 100, 200, 400, 400, 400 would pass 1,500 only with one more.
        let largest: [UInt64] = [50, 100, 200, 200, 200]
        #expect(largest.map { backoff.wait(retryAfter: nil, random: $0) } == [100, 200, 400, 400, 400])
        #expect(backoff.wait(retryAfter: nil, random: 0) == nil)
    }

    @Test func `draws each wait from its upper half`() {
        var random = SplitMix(state: 5)
        for _ in 0..<1_000 {
            var backoff = RetryBackoff(RetryBackoff.Configuration())
            let wait = backoff.wait(retryAfter: nil, random: random.next()) ?? 0
            #expect((500_000_000...1_000_000_000).contains(wait))
        }
    }

    @Test func `waits as long as the receiver asks, unless that is too long`() {
        var backoff = RetryBackoff(RetryBackoff.Configuration())
        #expect(backoff.wait(retryAfter: 7, random: .max) == 7)
        #expect(backoff.wait(retryAfter: 61_000_000_000, random: 0) == nil)
        #expect(backoff.wait(retryAfter: .max, random: 0) == nil)
    }
}

struct OTLPExporterTests {
    private let resource = sampleResource

    private func exporter(_ server: ScriptedServer, retryFirst: UInt64 = 1_000_000) throws -> OTLPSpanExporter {
        var configuration = OTLPSender.Configuration()
        configuration.headers = [("x-key", "secret")]
        configuration.retryFirstNanoseconds = retryFirst
        return try OTLPSpanExporter(
            endpoint: OTLPEndpoint("http://127.0.0.1:\(server.port)"), resource: resource, configuration: configuration)
    }

    @Test func `posts protobuf with its headers over one connection that it keeps`() throws {
        let server = try ScriptedServer([.init(status: 200), .init(status: 200)])
        let exporter = try exporter(server)
        for _ in 0..<2 {
            let result = exporter.export(awkwardSpans(), control: ExportControl())
            #expect(result.exported == 2 && result.refused == 0 && result.error == nil)
        }
        let requests = server.stop()
        #expect(requests.count == 2 && server.connections == 1)
        let request = try #require(requests.first)
        #expect(request.line == "POST /v1/traces HTTP/1.1")
        #expect(request.headers["content-type"] == "application/x-protobuf")
        #expect(request.headers["x-key"] == "secret" && request.headers["expect"] == nil)
        #expect(
            try OTLPTraceRequest(serializedBytes: request.body) == OTLPTraceRequest(awkwardSpans(), resource: resource))
    }

    @Test(arguments: [429, 502, 503, 504])
    func `tries again when the receiver is busy`(status: Int) throws {
        let server = try ScriptedServer([.init(status: status), .init(status: status), .init(status: 200)])
        let result = try exporter(server).export(awkwardSpans(), control: ExportControl())
        #expect(result.exported == 2 && result.error == nil)
        let requests = server.stop()
        #expect(requests.count == 3 && Set(requests.map(\.body)).count == 1)
    }

    @Test(arguments: [400, 401, 404, 500, 307])
    func `drops and counts what the receiver refuses, without another try`(status: Int) throws {
        let server = try ScriptedServer([.init(status: status), .init(status: 200)])
        let result = try exporter(server).export(awkwardSpans(), control: ExportControl())
        #expect(result.exported == 0 && result.refused == 2)
        #expect(result.error?.code == .refused && result.error?.message == "HTTP \(status)")
        #expect(server.stop().count == 1)
    }

    @Test func `gives up at once when the receiver asks for more patience than there is`() throws {
        let server = try ScriptedServer([.init(status: 503, headers: ["Retry-After": "3600"]), .init(status: 200)])
        let result = try exporter(server).export(awkwardSpans(), control: ExportControl())
        #expect(result.refused == 2 && result.error?.code == .gaveUp)
        #expect(server.stop().count == 1)
    }

    @Test func `reads Retry-After as seconds and as a date`() throws {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "GMT")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        let date = formatter.string(from: Date(timeIntervalSinceNow: 1_000))
        let server = try ScriptedServer([
            .init(status: 503, headers: ["Retry-After": "120"]), .init(status: 503, headers: ["Retry-After": date]),
            .init(status: 503),
        ])
        let client = try #require(HTTPClient())
        let request = HTTPClient.Request(url: "http://127.0.0.1:\(server.port)/")
        #expect(try client.perform(request).retryAfterSeconds == 120)
        let seconds = try #require(try client.perform(request).retryAfterSeconds)
        #expect((900...1_000).contains(seconds))
        #expect(try client.perform(request).retryAfterSeconds == nil)
        _ = server.stop()
    }

    @Test func `counts what a partial success rejects`() throws {
        let answer = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceResponse.with {
            $0.partialSuccess.rejectedSpans = 1
            $0.partialSuccess.errorMessage = "too old"
        }
        let server = try ScriptedServer([.init(status: 200, body: try answer.serializedBytes())])
        let result = try exporter(server).export(awkwardSpans(), control: ExportControl())
        #expect(result.exported == 1 && result.refused == 1)
        #expect(result.error?.code == .partial && result.error?.message == "1 spans rejected: too old")
        _ = server.stop()
    }

    @Test func `ends a retry and a hanging exchange at the shutdown deadline`() throws {
        for reply in [ScriptedServer.Reply(status: 503), .init(status: 0)] {
            let server = try ScriptedServer([reply])
            let pipeline = SpanPipeline(exporter: try exporter(server, retryFirst: 30_000_000_000)) { _ in }
            for span in awkwardSpans() { pipeline.record(span) }
            #expect(!pipeline.flush(timeout: 200_000_000))
            let begun = TelemetryClock.monotonicNow()
            pipeline.shutdown(timeout: 100_000_000)
            #expect(TelemetryClock.monotonicNow() - begun < 5_000_000_000)
            #expect(pipeline.counts.refused == 2)
            _ = server.stop()
        }
    }

    @Test func `regression: a closed port held the end up and was called Callback aborted`() throws {
        let server = try ScriptedServer([])
        _ = server.stop()
        let reports = Mutex<[TelemetryError]>([])
        // It waits for its first retry, long beyond this test, when the shutdown comes.
        let pipeline = SpanPipeline(exporter: try exporter(server, retryFirst: 30_000_000_000)) { error in
            reports.withLock { $0.append(error) }
        }
        for span in awkwardSpans() { pipeline.record(span) }
        #expect(!pipeline.flush(timeout: 200_000_000))
        let begun = TelemetryClock.monotonicNow()
        pipeline.shutdown(timeout: 3_600_000_000_000)
        #expect(TelemetryClock.monotonicNow() - begun < 15_000_000_000)
        #expect(pipeline.counts.refused == 2)
        let said = reports.withLock { $0.map(\.description) }
        let url = "http://127.0.0.1:\(server.port)/v1/traces"
        #expect(
            said == [
                "\(url): connection refused; start the collector, or correct telemetry.otlp [telemetry.unreachable]"
            ])
    }

    @Test func `names what is wrong with an exchange`() throws {
        let client = try #require(HTTPClient())
        func code(_ url: String, _ change: (inout HTTPClient.Request) -> Void = { _ in }) -> HTTPError.Code? {
            var request = HTTPClient.Request(url: url)
            change(&request)
            return #expect(throws: HTTPError.self) { try client.perform(request) }?.code
        }
        let server = try ScriptedServer([.init(status: 200, body: [UInt8](repeating: 1, count: 2_000))])
        #expect(code("http://127.0.0.1:\(server.port)/") { $0.responseBytesMax = 1_000 } == .tooLarge)
        let port = server.port
        _ = server.stop()
        #expect(code("http://127.0.0.1:\(port)/") == .connect)
        #expect(code("gopher://127.0.0.1/") == .request)
        #expect(code("http://127.0.0.1/") { $0.headers = [("a", "b\r\nc: d")] } == .request)
    }
}

struct JSONLinesTests {
    /// Reads OTLP JSON, whose ids are hexadecimal, through protobuf's JSON, whose bytes are base64.
    private func request(of line: some Sequence<UInt8>) throws -> OTLPTraceRequest {
        let text = String(decoding: Array(line), as: UTF8.self).replacing(
            #/"(traceId|spanId|parentSpanId)":"([0-9a-f]*)"/#
        ) { match in
            let digits = Array(match.2)
            let bytes = stride(from: 0, to: digits.count, by: 2).map {
                UInt8(String(digits[$0...($0 + 1)]), radix: 16) ?? 0
            }
            return "\"\(match.1)\":\"\(Data(bytes).base64EncodedString())\""
        }
        return try OTLPTraceRequest(jsonString: text)
    }

    @Test func `writes the same message as the protobuf exporter, one line a batch`() throws {
        let path = NSTemporaryDirectory() + "patchbay-trace-\(UUID().uuidString).jsonl"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let exporter = try JSONLinesExporter(path: path, resource: sampleResource)
        for spans in [awkwardSpans(), sampleJourney()] {
            #expect(exporter.export(spans, control: ExportControl()).exported == spans.count)
        }
        let lines = try Data(contentsOf: URL(fileURLWithPath: path)).split(separator: 0x0a)
        #expect(lines.count == 2)
        #expect(try request(of: lines[0]) == OTLPTraceRequest(awkwardSpans(), resource: sampleResource))
        #expect(try request(of: lines[1]) == OTLPTraceRequest(sampleJourney(), resource: sampleResource))
    }

    @Test func `names a disk that fails, counts the spans, and goes on`() throws {
        let exporter = try JSONLinesExporter(path: "/dev/full", resource: sampleResource)
        for _ in 0..<2 {
            let result = exporter.export(awkwardSpans(), control: ExportControl())
            #expect(result.exported == 0 && result.refused == 2)
            #expect(result.error?.code == .disk && result.error?.location == "/dev/full")
            #expect(result.error?.message == "cannot write: No space left on device")
        }
    }

    @Test func `refuses a path that cannot be opened before anything starts`() {
        let error = #expect(throws: TelemetryError.self) {
            try JSONLinesExporter(path: "/nonexistent/x.jsonl", resource: sampleResource)
        }
        #expect(error?.description == "/nonexistent/x.jsonl: cannot open: No such file or directory [telemetry.disk]")
    }
}
