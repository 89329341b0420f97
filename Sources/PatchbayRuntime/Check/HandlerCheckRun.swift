import CPatchbaySystem
import Glibc
import Logging
import PatchbayDispatch
package import PatchbayEvents
package import PatchbayModules
import PatchbayRouting
import PatchbayTelemetry

/// Runs one handler of a module through its life, in a process of its own: what ends that process is a finding, too.
///
/// [the process's first thread]
package struct HandlerCheckRun {
    /// What the process says while it runs.
    package enum Line {
        /// What the module's code is about to do, such as `create`.
        case step(String)
        case finding(CheckFinding)
    }

    private let file: ModuleFile
    private let handler: Manifest.Handler
    private let configuration: Value
    private let seed: UInt64
    private let staging: StagingDirectory
    private let say: (Line) -> Void

    /// Calls with drawn events.
    private static let drawnCalls = 300
    private static let lateMax = 4
    private static let timeout: UInt64 = 1_000_000_000
    /// How long after a call was given up a completion is listened for, in nanoseconds.
    private static let latePatience: UInt64 = 3_000_000_000
    /// How long threads have to end after `destroy`, in nanoseconds.
    private static let endPatience: UInt64 = 1_000_000_000

    /// - Parameter staging: whoever watches the process removes it.
    package init(
        _ file: ModuleFile, _ handler: Manifest.Handler, configuration: Value, seed: UInt64,
        staging: StagingDirectory, say: @escaping (Line) -> Void
    ) {
        self.file = file
        self.handler = handler
        self.configuration = configuration
        self.seed = seed
        self.staging = staging
        self.say = say
    }

    package func run() throws {
        let completed = Doorbell()
        let calls = CallTable(capacity: Self.lateMax + 2, doorbell: completed)
        let logger = Logger(label: "patchbay") { _ in SwiftLogNoOpLogHandler() }
        var environment = HostEnvironment(
            version: "check", calls: calls, logger: logger,
            spans: HandlerSpans(tracer: .off(ids: IDGenerator(seed: 1))), metrics: MetricsRegistry())
        environment.typeMatcher = TypePattern.matcher
        let loader = ModuleLoader(staging: staging, environment: environment)
        let loaded: LoadedHandler
        let trial: HandlerTrial
        let before: (threads: Int, files: Int)
        do throws(ModuleError) {
            say(.step("load"))
            let module = try loader.load(file)
            say(.step("create"))
            before = (Self.entries("/proc/self/task"), Self.entries("/proc/self/fd"))
            loaded = try module.makeHandler(
                handler.id, instance: file.manifest.name, configuration: configuration)
        } catch {
            return find(CheckFinding(error, handler: handler.id))
        }
        trial = try HandlerTrial(loaded.handler, table: calls, completed: completed, route: "check")
        let open = try callAll(trial, loaded.counters)
        trial.end()
        guard open == 0 else { return }
        say(.step("drain"))
        do throws(ModuleError) {
            try loaded.drain(deadline: pbs_now() + 5_000_000_000)
        } catch {
            find(CheckFinding(error, handler: handler.id))
        }
        say(.step("destroy"))
        loaded.destroy()
        compare(before)
        say(.step("shutdown"))
        _ = loader.close(deadline: pbs_now() + 5_000_000_000)
    }

    /// Calls that are open at the end.
    private func callAll(_ trial: HandlerTrial, _ counters: MisbehaviourCounters) throws -> Int {
        var events = DrawnEvents(for: handler, seed: seed)
        var kept: [EventBatch] = []
        let decoder = StoredDecoder()
        for number in 1...Self.drawnCalls {
            say(.step("handle of drawn event \(number)"))
            let batch = try Self.batch(of: events.next(), decoder)
            switch trial.call(batch, event: 0, timeout: Self.timeout, grace: 1_000_000_000).end {
            case .said: break
            case .late:
                kept.append(batch)
                listen(counters)
                find("neverCompletes", "returned PENDING for drawn event \(number) and did not complete it in time")
                report(counters)
                return kept.count
            case .stuck:
                find("hang", "did not return from handle of drawn event \(number), nor heed its cancellation")
                return 1
            }
            if counters.report.contains(where: { $0.kind != .slowCall }) { break }
        }
        report(counters)
        return 0
    }

    /// Waits for what comes after the call was given up.
    private func listen(_ counters: MisbehaviourCounters) {
        let until = pbs_now() + Self.latePatience
        while pbs_now() < until, counters[.completionAfterClose] == 0 { usleep(10_000) }
    }

    private func report(_ counters: MisbehaviourCounters) {
        for (kind, count) in counters.report where kind != .slowCall {
            let rule =
                switch kind {
                case .doubleCompletion: "doubleCompletion"
                case .completionAfterClose: "completionAfterClose"
                case .staleCompletion: "staleCompletion"
                case .unknownCall: "unknownCall"
                default: "missingCompletion"
                }
            find(rule, "\(kind.explanation) (\(count) times)")
        }
    }

    /// Threads and descriptors that outlive the instance.
    private func compare(_ before: (threads: Int, files: Int)) {
        let until = pbs_now() + Self.endPatience
        while pbs_now() < until, Self.entries("/proc/self/task") > before.threads { usleep(10_000) }
        let threads = Self.entries("/proc/self/task") - before.threads
        if threads > 0 { find("leakedThreads", "leaves \(threads) threads running after destroy") }
        let files = Self.entries("/proc/self/fd") - before.files
        if files > 0 { find("leakedDescriptors", "leaves \(files) descriptors open after destroy") }
    }

    private func find(_ rule: String, _ message: String) {
        find(CheckFinding(rule, .error, message, handler: handler.id, seed: seed))
    }

    private func find(_ finding: CheckFinding) { say(.finding(finding)) }

    private static func batch(of event: Event, _ decoder: StoredDecoder) throws -> EventBatch {
        let line = event.json
        let batch = EventBatch(source: -1, textCapacity: line.count + 1)
        line.withUnsafeBytes { StoredDecoder.append($0, to: batch) }
        try decoder.decode(batch, 1)
        return batch
    }

    private static func entries(_ folder: String) -> Int {
        guard let handle = opendir(folder) else { return 0 }
        defer { closedir(handle) }
        var count = 0
        while readdir(handle) != nil { count += 1 }
        return count
    }
}
