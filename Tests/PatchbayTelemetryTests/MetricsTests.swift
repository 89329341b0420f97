import Foundation
import SwiftProtobuf
import PatchbayTestKit
import Testing

@testable import PatchbayTelemetry

struct MetricsRegistryTests {
    private let registry = MetricsRegistry(start: 5)

    @Test func `gives the same instrument for the same name and labels, and counts from all threads`() {
        let one = registry.counter(
            "events", unit: "{event}", help: "h", labels: [Attribute("b", "2"), Attribute("a", "1")])
        let same = registry.counter(
            "events", unit: "{event}", help: "h", labels: [Attribute("a", "1"), Attribute("b", "2")])
        let other = registry.counter("events", unit: "{event}", help: "h")
        let histogram = registry.histogram("time", unit: "s", help: "h")
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            for number in 1...10_000 {
                one.add()
                histogram.record(Double(number))
            }
        }
        #expect(one === same && one !== other)
        #expect(same.value == 40_000 && other.value == 0)
        let snapshot = histogram.snapshot
        #expect(snapshot.count == 40_000 && snapshot.sum == 4 * 50_005_000)
        #expect(snapshot.least == 1 && snapshot.greatest == 10_000)
    }

    @Test func `puts every value into the bucket whose bounds hold it`() {
        var random = SplitMix(state: 2)
        for _ in 0..<20_000 {
            let value = exp2(Double.random(in: -31.9...63.9, using: &random))
            let index = Double(Histogram.index(of: value))
            #expect(value > exp2(index / 4) * (1 - 1e-15) && value <= exp2((index + 1) / 4) * (1 + 1e-15))
        }
        for power in -31...63 { #expect(Histogram.index(of: exp2(Double(power))) == Int32(power * 4 - 1)) }
        #expect(Histogram.index(of: .leastNonzeroMagnitude) == -128)
        #expect(Histogram.index(of: .infinity) == 255)
    }

    @Test func `tells quantiles within a bucket's width`() {
        var random = SplitMix(state: 9)
        let histogram = Histogram()
        var values = (0..<5_000).map { _ in exp2(Double.random(in: -20...20, using: &random)) }
        for value in values { histogram.record(value) }
        values.sort()
        for quantile in [0.01, 0.5, 0.9, 0.99, 1] {
            let exact = values[Int((Double(values.count) * quantile).rounded(.up)) - 1]
            let told = histogram.snapshot.quantile(quantile)
            #expect(told >= exact * 0.999_999 && told <= exact * 1.19)
        }
        let zeros = Histogram()
        for value in [0, -1, .nan] { zeros.record(value) }
        #expect(zeros.snapshot.zeros == 3 && zeros.snapshot.quantile(0.5) == 0)
    }

    @Test func `folds combinations past the limit into one overflow series`() throws {
        var limits = MetricsRegistry.Limits()
        limits.combinationsMax = 4
        let registry = MetricsRegistry(limits: limits)
        let id = try registry.declare(
            MetricDescription(name: "sent", kind: .counter, unit: "1", help: ""), scope: "mail")
        for number in 0..<10 { #expect(registry.record(id, 2, attributes: [Attribute("to", .int(Int64(number)))])) }
        let metric = try #require(registry.snapshot().metrics.first)
        #expect(metric.points.count == 4)
        let overflow = try #require(metric.points.first { $0.labels == [Attribute("otel.metric.overflow", true)] })
        #expect(overflow.value == .number(14))
    }

    @Test func `gives one number a declaration and refuses contradictions by name`() throws {
        let sent = MetricDescription(name: "sent", kind: .counter, unit: "1", help: "")
        let id = try registry.declare(sent, scope: "mail")
        #expect(try registry.declare(sent, scope: "mail") == id)
        #expect(try registry.declare(sent, scope: "chat") != id)
        var other = sent
        other.unit = "By"
        #expect(throws: MetricsError.self) { try registry.declare(other, scope: "mail") }
        for name in ["", "1a", "a b", "ä", String(repeating: "a", count: 256)] {
            var bad = sent
            bad.name = name
            let error = #expect(throws: MetricsError.self) { try registry.declare(bad, scope: "mail") }
            #expect(error?.code == .name)
        }
        #expect(!registry.record(99, 1, attributes: []))
        #expect(!registry.record(id, -1, attributes: []) && !registry.record(id, .nan, attributes: []))
        #expect(MetricKind(abi: 0) == nil && MetricKind(abi: 4) == .histogram && MetricKind(abi: 5) == nil)
    }

    @Test func `shows a table, JSON and OTLP of one snapshot`() throws {
        registry.counter("events", unit: "{event}", help: "in", labels: [Attribute("source", "a")]).add(3)
        registry.gauge("depth", unit: "1", help: "").set(1.5)
        let histogram = registry.histogram("time", unit: "s", help: "")
        for value in [0.001, 0.002, 0.004] { histogram.record(value) }
        let snapshot = registry.snapshot(now: 9)
        #expect(
            snapshot.table == """
                depth             1.5 1
                events  source=a  3 {event}
                time              3 recorded, p50 2.32 ms, p99 4.00 ms, max 4.00 ms

                """)
        let parsed = try #require(try JSONSerialization.jsonObject(with: Data(snapshot.json.utf8)) as? [String: Any])
        let metrics = try #require(parsed["metrics"] as? [[String: Any]])
        #expect(metrics.map { $0["name"] as? String } == ["depth", "events", "time"])
        let request = OTLPMetricsRequest(snapshot, resource: sampleResource)
        let exported = request.resourceMetrics[0].scopeMetrics[0].metrics
        #expect(exported[0].gauge.dataPoints[0].asDouble == 1.5)
        #expect(exported[1].sum.dataPoints[0].asInt == 3 && exported[1].sum.isMonotonic)
        let point = exported[2].exponentialHistogram.dataPoints[0]
        #expect(point.count == 3 && point.scale == 2 && point.positive.bucketCounts.reduce(0, +) == 3)
        #expect(point.startTimeUnixNano == 5 && point.timeUnixNano == 9)
    }

    @Test func `sends metrics at shutdown`() throws {
        registry.counter("events", unit: "{event}", help: "in").add(3)
        let server = try ScriptedServer([.init(status: 200)])
        let exporter = try OTLPMetricsExporter(
            endpoint: OTLPEndpoint("http://127.0.0.1:\(server.port)"), resource: sampleResource, registry: registry
        ) { _ in }
        exporter.shutdown(timeout: 5_000_000_000)
        let request = try #require(server.stop().first)
        #expect(request.line == "POST /v1/metrics HTTP/1.1")
        let sent = try OTLPMetricsRequest(serializedBytes: request.body)
        #expect(sent.resourceMetrics[0].scopeMetrics[0].metrics[0].sum.dataPoints[0].asInt == 3)
    }
}
