import Foundation
import Synchronization
import Testing

@testable import PatchbayTelemetry

/// Keeps what it is given; can be made to wait.
private final class Keeper: SpanExporter {
    final class Store: Sendable {
        let batches = Mutex<[[Span]]>([])
        let gate = DispatchSemaphore(value: 0)
        var spans: [Span] { batches.withLock { $0.flatMap(\.self) } }
    }

    let name = "keeper"
    let store: Store
    let waits: Bool

    init(_ store: Store, waits: Bool = false) {
        self.store = store
        self.waits = waits
    }

    func export(_ spans: [Span], control: ExportControl) -> ExportResult {
        if waits { store.gate.wait() }
        store.batches.withLock { $0.append(spans) }
        return ExportResult(exported: spans.count)
    }
}

private func span(_ number: UInt64, producer: UInt64 = 0) -> Span {
    Span(
        name: "s", kind: .internal,
        context: TraceContext(traceID: TraceID(high: producer, low: 1), spanID: number, flags: 1), start: 1, end: 2)
}

struct SpanPipelineTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func `delivers what many threads record, in each thread's order, and loses nothing unsaid`() {
        let store = Keeper.Store()
        var configuration = SpanPipeline.Configuration()
        configuration.queueSpansMax = 1_024
        let pipeline = SpanPipeline(exporter: Keeper(store), configuration: configuration) { _ in }
        DispatchQueue.concurrentPerform(iterations: 4) { producer in
            for number in 1...UInt64(20_000) { pipeline.record(span(number, producer: UInt64(producer))) }
        }
        #expect(pipeline.flush(timeout: 10 * Self.second))
        let counts = pipeline.counts
        pipeline.shutdown(timeout: Self.second)
        #expect(counts.recorded == 80_000)
        #expect(counts.exported + counts.dropped == 80_000)
        #expect(UInt64(store.spans.count) == counts.exported)
        var last: [UInt64: UInt64] = [:]
        for span in store.spans {
            let producer = span.context.traceID.high
            #expect(span.context.spanID > last[producer, default: 0])
            last[producer] = span.context.spanID
        }
        #expect(store.batches.withLock { $0.allSatisfy { $0.count <= 512 } })
    }

    @Test func `drops and counts what finds the queue full while the exporter hangs`() {
        let store = Keeper.Store()
        var configuration = SpanPipeline.Configuration()
        configuration.queueSpansMax = 16
        configuration.batchSpansMax = 4
        let pipeline = SpanPipeline(exporter: Keeper(store, waits: true), configuration: configuration) { _ in }
        for number in 1...UInt64(100) { pipeline.record(span(number)) }
        let dropped = pipeline.counts.dropped
        // The queue holds 16, and the hanging batch at most 4.
        #expect(dropped >= 80 && dropped <= 84)
        for _ in 0..<100 { store.gate.signal() }
        #expect(pipeline.flush(timeout: 10 * Self.second))
        pipeline.shutdown(timeout: Self.second)
        #expect(UInt64(store.spans.count) == 100 - dropped)
    }

    @Test func `regression: a burst beyond the queue was dropped while there was memory for it`() {
        let store = Keeper.Store()
        var configuration = SpanPipeline.Configuration()
        configuration.queueSpansMax = 16
        configuration.batchSpansMax = 4
        configuration.backlogBytesMax = 64 << 20
        let pipeline = SpanPipeline(exporter: Keeper(store), configuration: configuration) { _ in }
        DispatchQueue.concurrentPerform(iterations: 4) { producer in
            for number in 1...UInt64(20_000) { pipeline.record(span(number, producer: UInt64(producer))) }
        }
        pipeline.shutdown(timeout: 60 * Self.second)
        #expect(pipeline.counts.exported == 80_000 && pipeline.counts.dropped == 0)
        for producer in 0..<UInt64(4) {
            let numbers = store.spans.filter { $0.context.traceID.high == producer }.map(\.context.spanID)
            #expect(numbers == Array(1...20_000))
        }
    }

    @Test func `regression: nobody was told that spans were dropped, or how many`() {
        let store = Keeper.Store()
        let reports = Mutex<[TelemetryError]>([])
        var configuration = SpanPipeline.Configuration()
        configuration.queueSpansMax = 16
        configuration.batchSpansMax = 4
        // Room for a part of it: each of these spans takes more than 100 bytes.
        configuration.backlogBytesMax = 100_000
        let pipeline = SpanPipeline(exporter: Keeper(store, waits: true), configuration: configuration) { error in
            reports.withLock { $0.append(error) }
        }
        for number in 1...UInt64(2_000) { pipeline.record(span(number)) }
        for _ in 0..<2_000 { store.gate.signal() }
        pipeline.shutdown(timeout: 60 * Self.second)
        let counts = pipeline.counts
        #expect(counts.dropped > 900 && counts.exported > 100 && counts.exported + counts.dropped == 2_000)
        #expect(store.spans.map(\.context.spanID) == Array(1...counts.exported))
        let said = reports.withLock { $0 }
        #expect(said.map(\.code) == [.overflow] && said.allSatisfy { $0.message.contains("sampleRatio") })
        #expect(said.allSatisfy { $0.location == "keeper" })
    }

    @Test(arguments: ["console", "file"])
    func `regression: a full disk was not said, or said for every batch`(output: String) throws {
        let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
        defer { close(full) }
        let exporter: any SpanExporter =
            output == "console"
            ? ConsoleExporter(file: full, colour: false)
            : try JSONLinesExporter(path: "/dev/full", resource: sampleResource)
        nonisolated(unsafe) let handed = exporter
        let reports = Mutex<[TelemetryError]>([])
        let pipeline = SpanPipeline(exporter: handed) { error in reports.withLock { $0.append(error) } }
        let spans = sampleJourney()
        for _ in 0..<3 {
            for span in spans { pipeline.record(span) }
            #expect(pipeline.flush(timeout: 60 * Self.second))
        }
        pipeline.shutdown(timeout: 60 * Self.second)
        let counts = pipeline.counts
        #expect(counts.exported == 0 && counts.refused == counts.recorded && counts.recorded == UInt64(3 * spans.count))
        let said = reports.withLock { $0.map(\.description) }
        let place = output == "console" ? "console" : "/dev/full"
        #expect(said == ["\(place): cannot write: No space left on device [telemetry.disk]"])
        #expect(pipeline.diskError?.description == said.first)
    }

    @Test func `says so when a flush does not end in time`() {
        let store = Keeper.Store()
        let pipeline = SpanPipeline(exporter: Keeper(store, waits: true)) { _ in }
        pipeline.record(span(1))
        #expect(!pipeline.flush(timeout: 1_000_000))
        store.gate.signal()
        pipeline.shutdown(timeout: Self.second)
        pipeline.shutdown(timeout: Self.second)
        #expect(store.spans.count == 1)
    }

    @Test func `exports what waits when it shuts down`() {
        let store = Keeper.Store()
        var configuration = SpanPipeline.Configuration()
        configuration.intervalNanoseconds = 3_600 * Self.second
        let pipeline = SpanPipeline(exporter: Keeper(store), configuration: configuration) { _ in }
        for number in 1...UInt64(700) { pipeline.record(span(number)) }
        pipeline.shutdown(timeout: Self.second)
        #expect(store.spans.map(\.context.spanID) == Array(1...700))
    }
}

struct TracerTests {
    @Test func `continues the producer's trace and begins its own otherwise`() throws {
        let store = Keeper.Store()
        let tracer = Tracer(
            sampler: .always, ids: IDGenerator(seed: 1),
            pipelines: [SpanPipeline(exporter: Keeper(store)) { _ in }])
        defer { tracer.shutdown(timeout: 1_000_000_000) }
        let parent = try #require(TraceContext(traceparent: TraceContextTests.valid))
        let continued = tracer.receive(position: 9, parent: parent)
        #expect(continued.traceID == parent.traceID && continued.spanID != parent.spanID && continued.isSampled)
        #expect(!continued.isRemote)
        let begun = tracer.receive(position: 9, parent: .none)
        #expect(begun.isValid && begun.traceID != parent.traceID && tracer.records(begun))
    }

    @Test func `records nothing when nothing listens, and still hands the context on`() throws {
        let tracer = Tracer.off(ids: IDGenerator(seed: 1))
        let parent = try #require(TraceContext(traceparent: TraceContextTests.valid))
        let context = tracer.receive(position: 1, parent: parent)
        #expect(!tracer.records(context))
        #expect(context.traceparent.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-"))
        #expect(!tracer.receive(position: 1, parent: .none).isSampled)
    }
}

struct HandlerSpansTests {
    private let store = Keeper.Store()
    private let tracer: Tracer
    private let attempt = TraceContext(traceID: TraceID(high: 1, low: 2), spanID: 3, flags: 1)

    init() {
        tracer = Tracer(
            sampler: .always, ids: IDGenerator(seed: 1), pipelines: [SpanPipeline(exporter: Keeper(store)) { _ in }])
    }

    @Test func `nests spans below the attempt and ends forgotten ones with the call`() throws {
        let spans = HandlerSpans(tracer: tracer)
        let outer = spans.begin(call: 8, context: attempt, parent: 0, name: "outer", now: 10)
        let inner = spans.begin(call: 8, context: attempt, parent: outer, name: "inner", now: 11)
        let foreign = spans.begin(call: 9, context: attempt, parent: outer, name: "foreign", now: 11)
        spans.setAttribute(inner, Attribute("k", 1))
        spans.setAttribute(inner, Attribute("k", 2))
        spans.addEvent(inner, name: "e", attributes: [], now: 12)
        #expect(spans.context(of: inner)?.spanID == inner)
        spans.end(inner, ok: false, now: 15)
        spans.end(inner, ok: true, now: 99)
        #expect(spans.context(of: inner) == nil)
        #expect(spans.endAll(call: 8, now: 20) == 1)
        #expect(spans.endAll(call: 8, now: 20) == 0)
        #expect(spans.endAll(call: 9, now: 20) == 1)
        tracer.shutdown(timeout: 1_000_000_000)
        let recorded = store.spans
        #expect(recorded.map(\.name) == ["inner", "outer", "foreign"])
        #expect(recorded.map(\.parentSpanID) == [outer, 3, 3])
        #expect(recorded[0].attributes == [Attribute("k", 2)])
        #expect(recorded[0].end == 15 && recorded[0].status == .error("") && recorded[0].events.count == 1)
        #expect(recorded[1]["patchbay.unended"] == true)
        #expect(foreign != 0)
    }

    @Test func `gives 0 for unsampled events and past the limits, and takes 0 everywhere`() {
        var limits = HandlerSpans.Limits()
        limits.perCallMax = 2
        let spans = HandlerSpans(tracer: tracer, limits: limits)
        var silent = attempt
        silent.flags = 0
        #expect(spans.begin(call: 1, context: silent, parent: 0, name: "a", now: 1) == 0)
        let handles = (0..<3).map { _ in spans.begin(call: 1, context: attempt, parent: 0, name: "a", now: 1) }
        #expect(handles.filter { $0 != 0 }.count == 2 && Set(handles).count == 3)
        spans.setAttribute(0, Attribute("k", 1))
        spans.end(0, ok: true, now: 1)
        #expect(spans.context(of: 0) == nil)
        #expect(spans.endAll(call: 1, now: 1) == 2)
        tracer.shutdown(timeout: 1_000_000_000)
    }
}
