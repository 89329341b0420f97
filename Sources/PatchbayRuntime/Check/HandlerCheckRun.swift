import CPatchbaySystem
import Glibc
import Logging
import PatchbayDispatch
package import PatchbayEvents
package import PatchbayModules
import PatchbayRouting
import PatchbayTelemetry

/// Leads one handler of a module through a life, in a process of its own: what ends that process is a finding, too.
///
/// [the process's first thread]
package struct HandlerCheckRun {
    /// What the process says while it runs.
    package enum Line {
        /// What the module's code is about to do, such as `create`.
        case step(String)
        case finding(CheckFinding)
    }

    let file: ModuleFile
    let handler: Manifest.Handler
    let configuration: Value
    let life: CheckedLife
    let seed: UInt64
    let staging: StagingDirectory
    private let say: (Line) -> Void

    /// Calls with drawn events.
    private static let drawnCalls = 300
    /// In the lives that look for something else.
    private static let fewCalls = 30
    static let configurations = 40
    /// How much longer than here structures of a later host are.
    private static let laterBytes: UInt32 = 64
    private static let lateMax = 4
    private static let timeout: UInt64 = 1_000_000_000
    /// How long after a call was given up a completion is listened for, in nanoseconds.
    private static let latePatience: UInt64 = 3_000_000_000

    /// - Parameter staging: whoever watches the process removes it.
    package init(
        _ file: ModuleFile, _ handler: Manifest.Handler, configuration: Value, life: CheckedLife, seed: UInt64,
        staging: StagingDirectory, say: @escaping (Line) -> Void
    ) {
        self.life = life
        self.file = file
        self.handler = handler
        self.configuration = configuration
        self.seed = seed
        self.staging = staging
        self.say = say
    }

    /// Whether there is anything to look at in a life of this handler.
    package static func canLead(_ life: CheckedLife, _ handler: Manifest.Handler) -> Bool {
        switch life {
        // Whether it has `cancel` or `reconfigure` shows once it is loaded.
        case .usual, .bare, .newer, .cancelled, .reconfigured, .abrupt: true
        case .configured: handler.configSchema != nil
        case .batched: handler.batchMax != nil
        case .crowded: handler.concurrency != 1
        }
    }

    package func run() throws {
        let completed = Doorbell()
        let calls = CallTable(
            capacity: Self.crowd.threads + Self.lateMax + 2 + batchMax, doorbell: completed)
        let loader = ModuleLoader(staging: staging, environment: environment(calls))
        do throws(ModuleError) {
            step("load")
            let module = try loader.load(file)
            // Code of its may run where a call is open: nothing is destroyed then.
            guard try life == .configured ? beConfigured(module) : live(module, calls, completed) else { return }
        } catch {
            return find(error)
        }
        step("shutdown")
        _ = loader.close(deadline: pbs_now() + 5_000_000_000)
        if life == .abrupt {
            step("exit")
            exit(0)
        }
    }

    private func environment(_ calls: CallTable) -> HostEnvironment {
        let logger = Logger(label: "patchbay") { _ in SwiftLogNoOpLogHandler() }
        var environment = HostEnvironment(
            version: "check", calls: calls, logger: logger,
            spans: HandlerSpans(tracer: .off(ids: IDGenerator(seed: 1))), metrics: MetricsRegistry())
        environment.typeMatcher = TypePattern.matcher
        if life == .bare { environment.offered = Set(file.manifest.requires) }
        if life == .newer { environment.extraTableBytes = Self.laterBytes }
        return environment
    }

    /// False when a call is still open.
    private func live(
        _ module: LoadedModule, _ calls: CallTable, _ completed: Doorbell
    ) throws(ModuleError) -> Bool {
        let before = Held()
        let most = life == .usual ? Self.drawnCalls : Self.fewCalls
        guard try lead(module, calls, completed, drawn: most) else { return false }
        guard Held.grown(since: before) != nil else { return true }
        // What a language's runtime starts once and keeps is not the handler's.
        let first = Held()
        guard try lead(module, calls, completed, drawn: Self.fewCalls) else { return false }
        guard let left = Held.grown(since: first) else { return true }
        if left.threads > 0 { find("leakedThreads", "leaves \(left.threads) threads running after destroy") }
        if left.files > 0 { find("leakedDescriptors", "leaves \(left.files) descriptors open after destroy") }
        return true
    }

    /// An instance from `create` to `destroy`; false when it could not be destroyed.
    private func lead(
        _ module: LoadedModule, _ calls: CallTable, _ completed: Doorbell, drawn: Int
    ) throws(ModuleError) -> Bool {
        step("create")
        let loaded = try module.makeHandler(
            handler.id, instance: file.manifest.name, configuration: configuration)
        do {
            let hasEnded =
                switch life {
                case .batched, .crowded, .cancelled, .reconfigured: try crowd(loaded, calls, completed)
                case .usual, .bare, .newer, .configured, .abrupt:
                    try callAll(loaded, calls, completed, drawn: drawn)
                }
            guard hasEnded else { return false }
        } catch {
            find("checkFailed", "could not be checked: \(error)")
            return false
        }
        if life != .abrupt {
            step("drain")
            do throws(ModuleError) { try loaded.drain(deadline: pbs_now() + 5_000_000_000) } catch { find(error) }
        }
        step("destroy")
        loaded.destroy()
        return true
    }

    /// Makes and destroys one instance after another. A handler may refuse any, in words.
    private func beConfigured(_ module: LoadedModule) throws(ModuleError) -> Bool {
        guard var drawn = try drawnConfigurations() else { return true }
        for _ in 0..<Self.configurations {
            guard let configuration = drawn.next() else { continue }
            let text = String(decoding: configuration.json, as: UTF8.self)
            step("create with \(text.prefix(300))")
            do throws(ModuleError) {
                let loaded = try module.makeHandler(
                    handler.id, instance: file.manifest.name, configuration: configuration)
                step("destroy of one made with \(text.prefix(300))")
                loaded.destroy()
            } catch {
                guard error.code == .createFailed else { throw error }
            }
        }
        return true
    }

    /// `nil` without a schema.
    func drawnConfigurations() throws(ModuleError) -> DrawnConfigurations? {
        // What a handler creates by a drawn name goes with the copy of its module.
        guard let schema = handler.configSchema, chdir(staging.path) == 0 else { return nil }
        do {
            return try DrawnConfigurations(schema, seed: seed)
        } catch {
            throw ModuleError(
                .badSchema, file: file.path, "the configuration schema of '\(handler.id)' is invalid: \(error)",
                remedy: "correct `config` in the manifest and build the module again")
        }
    }

    /// Whether no call is open at the end.
    private func callAll(
        _ loaded: LoadedHandler, _ calls: CallTable, _ completed: Doorbell, drawn: Int
    ) throws -> Bool {
        let trial = try HandlerTrial(
            loaded.handler, table: calls, completed: completed, route: "check",
            extraViewBytes: life == .newer ? Self.laterBytes : 0)
        defer { trial.end() }
        let counters = loaded.counters
        var events = DrawnEvents(for: handler, seed: seed)
        let decoder = StoredDecoder()
        for number in 1...drawn {
            step("handle of drawn event \(number)")
            let batch = try Self.batch(of: events.next(), decoder)
            let end = trial.call(batch, event: 0, timeout: Self.timeout, grace: 1_000_000_000).end
            guard hasEnded(end, "drawn event \(number)", batch, counters) else { return false }
            if counters.report.contains(where: { $0.kind != .slowCall }) { break }
        }
        report(counters)
        guard drawn == Self.drawnCalls, !counters.report.contains(where: { $0.kind != .slowCall }) else { return true }
        step("handle of one event again and again")
        let batch = try Self.batch(of: events.next(), decoder)
        switch CallLeak.find(batch, by: trial, timeout: Self.timeout) {
        case .none: return true
        case .unended(let end): return hasEnded(end, "an event that came again and again", batch, counters)
        case .kept(let bytes):
            find(
                CheckFinding(
                    "leakedMemory", .warning,
                    "keeps about \(bytes) bytes of each call of one and the same event",
                    remedy: "free what a call allocates; bound what is remembered", handler: handler.id, seed: seed))
            return true
        }
    }

    /// Says what is wrong with a call that did not end; its event stays for as long as the process lives.
    private func hasEnded(
        _ end: HandlerTrial.Result.End, _ event: String, _ batch: EventBatch, _ counters: MisbehaviourCounters
    ) -> Bool {
        switch end {
        case .said: return true
        case .late:
            _ = Unmanaged.passRetained(batch)
            listen(counters)
            find("neverCompletes", "returned PENDING for \(event) and did not complete it in time")
            report(counters)
        case .stuck:
            _ = Unmanaged.passRetained(batch)
            find("hang", "did not return from handle of \(event), nor heed its cancellation")
        }
        return false
    }

    /// Waits for what comes after the call was given up.
    private func listen(_ counters: MisbehaviourCounters) {
        let until = pbs_now() + Self.latePatience
        while pbs_now() < until, counters[.completionAfterClose] == 0 { usleep(10_000) }
    }

    func report(_ counters: MisbehaviourCounters) {
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

    func step(_ text: String) { say(.step(text + life.words)) }

    func find(_ rule: String, _ message: String) {
        find(
            CheckFinding(
                rule, .error, message + life.words, remedy: life.remedy, handler: handler.id, seed: seed))
    }

    func find(_ error: ModuleError) {
        var finding = CheckFinding(error, handler: handler.id)
        finding.message += life.words
        if !life.remedy.isEmpty { finding.remedy = life.remedy }
        find(finding)
    }

    private func find(_ finding: CheckFinding) { say(.finding(finding)) }

    private static func batch(of event: Event, _ decoder: StoredDecoder) throws -> EventBatch {
        try batch(of: [event], decoder)
    }

    static func batch(of events: [Event], _ decoder: StoredDecoder) throws -> EventBatch {
        let lines = events.map(\.json)
        let batch = EventBatch(source: -1, textCapacity: lines.reduce(0) { $0 + $1.count + 1 })
        for line in lines { line.withUnsafeBytes { StoredDecoder.append($0, to: batch) } }
        try decoder.decode(batch, lines.count)
        return batch
    }
}
