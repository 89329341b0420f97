import Glibc
import PatchbayEvents
import PatchbayResilience
import Synchronization
import Testing

@testable import PatchbayTelemetry

@Suite struct SpanQueueStressTests {
    private static let spans: UInt64 = 5_000

    /// Where producers try again until there is room, a lost wake-up hangs the test.
    @Test(arguments: [false, true], [0, 1 << 14, 1 << 26])
    func `spans of several threads come out once and in order, or are refused`(
        triesAgain: Bool, backlogBytesMax: Int
    ) throws {
        let producers = 3
        let queue = SpanQueue(capacity: 16, backlogBytesMax: backlogBytesMax)
        let bell = PatchbayTelemetry.Doorbell()
        let refused = Atomic<UInt64>.Box(0)
        let ended = Atomic<Int>.Box(0)
        let threads = try (0..<producers).map { number in
            try OwnThread("producer\(number)") {
                var random = SeededRandom(seed: UInt64(number))
                var sequence: UInt64 = 1
                while sequence <= Self.spans {
                    if random.upTo(7) == 0 { sched_yield() }
                    switch queue.push(Self.span(number, sequence)) {
                    case .taken: break
                    case .wakes: bell.ring()
                    case .full where triesAgain:
                        sched_yield()
                        continue
                    case .full: refused.value.wrappingAdd(1, ordering: .relaxed)
                    }
                    sequence += 1
                }
                ended.value.wrappingAdd(1, ordering: .releasing)
                bell.ring()
            }
        }
        let problems = Problems()
        var last = [UInt64](repeating: 0, count: producers)
        var taken: UInt64 = 0
        var random = SeededRandom(seed: 23)
        while true {
            let isOver = ended.value.load(ordering: .acquiring) == producers
            while let span = queue.pop() {
                let number = Int(span.parentSpanID)
                problems.check(span == Self.span(number, span.start), "a span is not as it was pushed")
                problems.check(span.start > last[number], "\(span.start) came after \(last[number]) of \(number)")
                last[number] = span.start
                taken += 1
            }
            if isOver { break }
            if queue.armWake(after: 1 + Int(random.upTo(3))) { bell.wait(until: .max / 2) }
            queue.disarmWake()
        }
        for thread in threads { thread.join() }
        #expect(problems.all == [])
        #expect(queue.pop() == nil)
        #expect(taken + refused.value.load(ordering: .relaxed) == UInt64(producers) * Self.spans)
    }

    @Test func `a pipeline accounts for every span of threads that flush and one that shuts down`() throws {
        let exporter = Keeper()
        let kept = exporter.kept
        var configuration = SpanPipeline.Configuration()
        configuration.queueSpansMax = 64
        configuration.batchSpansMax = 8
        configuration.intervalNanoseconds = 1_000_000
        let pipeline = SpanPipeline(exporter: exporter, configuration: configuration) { _ in }
        let problems = Problems()
        let threads = try (0..<3).map { number in
            try OwnThread("producer\(number)") {
                for sequence in 1...2_000 as ClosedRange<UInt64> {
                    pipeline.record(Self.span(number, sequence))
                    if sequence % 500 == 0 {
                        problems.check(pipeline.flush(timeout: 60_000_000_000), "a flush took over 60 seconds")
                    }
                }
            }
        }
        for thread in threads { thread.join() }
        pipeline.shutdown(timeout: 60_000_000_000)
        let counts = pipeline.counts
        let exported = kept.withLock { $0 }
        #expect(problems.all == [])
        #expect(counts.recorded == 6_000 && counts.refused == 0)
        #expect(counts.exported + counts.dropped == 6_000 && counts.exported == UInt64(exported.count))
        for number in UInt64(0)..<3 {
            let order = exported.filter { $0.parentSpanID == number }.map(\.start)
            #expect(zip(order, order.dropFirst()).allSatisfy { $0 < $1 })
        }
    }

    /// The thread's number is the parent, the number among its spans the start; the rest follows from them.
    private static func span(_ number: Int, _ sequence: UInt64) -> Span {
        var span = Span(
            name: "span \(number) \(sequence)", kind: .internal,
            context: TraceContext(traceID: TraceID(high: 1, low: sequence), spanID: sequence, flags: 1),
            parentSpanID: UInt64(number), start: sequence)
        span.attributes = [Attribute("sequence", .int(Int64(sequence)))]
        return span
    }

    private final class Keeper: SpanExporter {
        let name = "keeper"
        let kept = Guarded<[Span]>([])

        func export(_ spans: [Span], control: ExportControl) -> ExportResult {
            kept.withLock { $0 += spans }
            return ExportResult(exported: spans.count)
        }
    }
}
