import CPatchbay
import Logging
import PatchbayEvents
import PatchbayLog
import PatchbayTelemetry
import PatchbayTransfers
import Synchronization
import Testing

@testable import PatchbayModules

/// A host around one handler scope: a call table, services over lists that a test reads, and calls that it opens.
final class ModuleBench: @unchecked Sendable {
    // Invariant: a bench belongs to one test; what other threads reach of it (call table, services) is Sendable.
    let calls = CallTable(capacity: 256, doorbell: Doorbell())
    let exporter = CollectingExporter.Spans()
    let log = LogLines()
    let metrics = MetricsRegistry(start: 0)
    let state: StateStore
    let timers = TimerStore()
    let clock = TestClock()
    let environment: HostEnvironment
    let tracer: Tracer
    let handlerSpans: HandlerSpans
    private(set) lazy var context = HostContext(
        environment: environment, module: "bench", version: "1.0.0",
        scope: HandlerScope(instance: "bench", handler: "count"), network: network)
    /// What the handler is granted.
    var network = NetworkGrant(declared: [], granted: [])
    /// What the module gets: of this process, or of a worker's end in it.
    private(set) lazy var host = worker?.host(for: context) ?? HostBlock.make(for: context)
    private let worker: WorkerEnd?
    private var slot = 0

    init(
        traced: Bool = true, stateBytes: Int = 1 << 20, subscriptions: Int = 1000,
        limits: HostEnvironment.Limits = .init()
    ) {
        state = StateStore(bytesMax: stateBytes)
        let pipeline = SpanPipeline(exporter: CollectingExporter(exporter)) { _ in }
        tracer = Tracer(sampler: .always, ids: IDGenerator(seed: 7), pipelines: traced ? [pipeline] : [])
        handlerSpans = HandlerSpans(tracer: tracer)
        let log = log
        var logger = Logger(label: "test") { _ in CollectingLogHandler(lines: log) }
        logger.logLevel = .debug
        let clock = clock
        var environment = HostEnvironment(
            version: "0.1.0", calls: calls, logger: logger, spans: handlerSpans, metrics: metrics, state: state,
            timers: timers, subscriptions: SubscriptionStore(countMax: subscriptions),
            transfers: TransferEngine(metrics: metrics), unixNow: { clock.now })
        environment.limits = limits
        self.environment = environment
        worker = ServiceWay.current == .worker ? WorkerEnd(calls: calls) : nil
    }

    deinit {
        worker?.end()
        tracer.shutdown(timeout: 1_000_000_000)
    }

    /// Opens a call in the next slot. The texts live as long as the process.
    func open(
        event id: String = "e-1", traceparent: String = "", extensions: [(String, String)] = []
    ) -> patchbay_call {
        slot += 1
        let call = calls.arm(slot)
        var view = patchbay_event()
        view.size = UInt32(MemoryLayout<patchbay_event>.size)
        view.id = lasting(id)
        view.source = lasting("/test")
        view.type = lasting("com.acme.test")
        view.traceparent = lasting(traceparent)
        view.attempt = 1
        view.ext = lasting(extensions)
        view.ext_count = UInt64(extensions.count)
        calls.views[slot] = view
        _ = host
        return worker?.open(call, calls.views + slot) ?? call
    }

    /// The host's number of a call, which a worker has another one for.
    func hostCall(_ call: patchbay_call) -> patchbay_call { worker?.hostCall(call) ?? call }

    /// Completes and settles a call as the dispatcher does.
    func settle(_ call: patchbay_call, _ kind: OutcomeKind = .done) -> SettledCall {
        let own = hostCall(call)
        worker?.close(call)
        _ = calls.complete(own, kind, nil)
        let settled = calls.settle(Int(own & 0xFF_FFFF))
        handlerSpans.endAll(call: own, now: clock.now)
        return settled
    }

    /// Commits a settled call's state and timers as the dispatcher does.
    func commit(_ settled: SettledCall) -> StateStore.Commit {
        guard settled.kind == .done, let effects = settled.effects, let scope = context.scope else { return .committed }
        let commit = state.commit(effects.stateWrites, of: scope, now: clock.now)
        if commit == .committed { timers.commit(effects.timers, of: scope) }
        return commit
    }

    /// The same for streams, which take it.
    func commitStreams(_ settled: SettledCall) {
        guard settled.kind == .done, let effects = settled.effects else { return }
        environment.streams.commit(effects.streamAppends, effects.streamSnapshots, now: clock.now)
    }

    var spans: [Span] {
        _ = tracer.flush(timeout: 5_000_000_000)
        return exporter.all
    }

    func service<Table>(_ id: String, _ type: Table.Type) throws -> Table {
        let table = try #require(host.pointee.service(host, lasting(id)))
        return table.assumingMemoryBound(to: Table.self).pointee
    }
}

/// Text for C that is never freed.
func lasting(_ text: String) -> patchbay_str {
    let bytes = Array(text.utf8)
    let memory = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
    for (index, byte) in bytes.enumerated() { memory[index] = CChar(bitPattern: byte) }
    return patchbay_str(ptr: UnsafePointer(memory), len: UInt64(bytes.count))
}

/// Attributes for C that are never freed.
func lasting(_ pairs: [(String, String)]) -> UnsafePointer<patchbay_kv> {
    let memory = UnsafeMutablePointer<patchbay_kv>.allocate(capacity: max(pairs.count, 1))
    for (index, pair) in pairs.enumerated() {
        (memory + index).initialize(to: patchbay_kv(key: lasting(pair.0), value: lasting(pair.1)))
    }
    return UnsafePointer(memory)
}

final class TestClock: Sendable {
    private let value = Atomic<UInt64>(1_000_000_000)
    var now: UInt64 { value.load(ordering: .relaxed) }
    func advance(_ nanoseconds: UInt64) { value.add(nanoseconds, ordering: .relaxed) }
}

final class LogLines: Sendable {
    struct Line: Sendable {
        let level: Logger.Level
        let message: String
        let metadata: [String: String]
    }

    private let lines = Mutex<[Line]>([])
    var all: [Line] { lines.withLock { $0 } }
    func append(_ line: Line) { lines.withLock { $0.append(line) } }
}

struct CollectingLogHandler: LogHandler {
    let lines: LogLines
    var logLevel = Logger.Level.debug
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: Logging.LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" }
        lines.append(LogLines.Line(level: event.level, message: "\(event.message)", metadata: all))
    }
}

final class CollectingExporter: SpanExporter {
    final class Spans: Sendable {
        private let spans = Mutex<[Span]>([])
        var all: [Span] { spans.withLock { $0 } }
        func append(_ more: [Span]) { spans.withLock { $0 += more } }
    }

    let name = "collector"
    private let spans: Spans
    init(_ spans: Spans) { self.spans = spans }

    func export(_ spans: [Span], control: ExportControl) -> ExportResult {
        self.spans.append(spans)
        return ExportResult(exported: spans.count)
    }
}
