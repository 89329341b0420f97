import CPatchbay
import CPatchbayIsolation
import CPatchbaySystem
import Glibc
import Logging
import PatchbayEvents
import PatchbayTelemetry
import Synchronization

/// A module instance in a process of its own: started, watched, started again when it dies, and ended.
///
/// Threads: one of its own supervises (`pb-worker`); everything else from any thread.
final class IsolatedModule: Sendable {
    /// What its calls can count on now.
    enum Availability: Sendable {
        case life(WorkerLife)
        /// Not before so many nanoseconds.
        case later(UInt64)
    }

    private enum Phase: Sendable {
        case starting
        case running(WorkerLife)
        /// Until then, in monotonic nanoseconds.
        case waiting(UInt64)
        /// It never started.
        case failed(ModuleError)
        case ended
    }

    private struct State {
        var phase = Phase.starting
        /// The life that is being started.
        var beginning: WorkerLife?
        var instances: [IsolatedInstance] = []
        var lastNumber: UInt32 = 0
    }

    let code: WorkerCode
    let instance: String
    let environment: HostEnvironment
    let logger: Logger
    // Invariant: a host pointer lives for ever.
    nonisolated(unsafe) let entryHost: UnsafePointer<patchbay_host>
    let errands: ErrandQueue
    private let limits: WorkerLimits
    private let gate: Gate
    private let state = Mutex(State())
    private let supervisor = Mutex<OwnThread?>(nil)
    private let deaths: Counter
    /// Batches of several events that are being handled.
    private let batches = Atomic<Int>(0)
    /// How long a call may go on after the host has asked it to end.
    private static let patience: UInt64 = 1_000_000_000
    /// A restart that is nearer than this is waited for.
    private static let nearNanoseconds: UInt64 = 50_000_000
    private static let startNanoseconds: UInt64 = 10_000_000_000

    /// Starts the worker, has it load the code, and waits for that.
    ///
    /// - Parameter isWatched: calls of its handlers may be watched, so its services are those that note them.
    /// - Errors: `workerFailed`, `openFailed` with the module's or the system's words.
    init(
        _ code: WorkerCode, instance: String, limits: WorkerLimits, environment: HostEnvironment,
        isWatched: Bool = false
    ) throws(ModuleError) {
        self.code = code
        self.instance = instance
        self.limits = limits
        self.environment = environment
        let context = HostContext(
            environment: environment, module: code.module, version: code.version, scope: nil)
        logger = context.logger
        entryHost = isWatched ? TappedHost.make(for: context) : HostBlock.make(for: context)
        gate = Gate()
        errands = ErrandQueue(gate: gate)
        deaths = environment.metrics.counter(
            "patchbay.worker.deaths", unit: "{death}", help: "Workers of isolated modules that died.",
            labels: [Attribute("module", .string(instance))])
        do {
            let thread = try OwnThread("pb-worker") { [self] in supervise() }
            supervisor.withLock { $0 = thread }
        } catch {
            throw ModuleError(
                .workerFailed, file: code.file, "its worker cannot be supervised",
                remedy: "give the host room for more threads", cause: "\(error)")
        }
        let problem = gate.wait(until: 0) { () -> ModuleError?? in
            switch state.withLock({ $0.phase }) {
            case .running: .some(nil)
            case .failed(let error): .some(error)
            case .starting, .waiting, .ended: nil
            }
        }
        if case .some(.some(let error)) = problem {
            supervisor.withLock { $0.take() }?.join()
            throw error
        }
    }

    // MARK: Instances

    /// Makes an instance of a handler, now and in every later life.
    ///
    /// - Errors: `createFailed`.
    func add(_ instance: IsolatedInstance) throws(ModuleError) {
        guard case .life(let life) = available() else {
            throw createFailure(instance, "its worker is not running", nil)
        }
        // First, so that the worker's requests meanwhile find its host pointer.
        state.withLock { $0.instances.append(instance) }
        _ = HandlerMessage.take()
        var status: patchbay_status = 0
        let isTold = instance.create(in: life, &status)
        guard isTold, status >= 0 else {
            state.withLock { $0.instances.removeAll { $0 === instance } }
            let cause = isTold ? StatusName.message(HandlerMessage.take()) : life.awaitDeath().reason
            throw createFailure(instance, "refused to start with \(StatusName.of(status))", cause)
        }
    }

    /// A number for an instance: none is given twice.
    func takeNumber() -> UInt32 {
        state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
    }

    func remove(_ instance: IsolatedInstance) {
        state.withLock { $0.instances.removeAll { $0 === instance } }
    }

    /// The host pointer of a handler by its number in the worker; `nil` for one that there is not.
    func host(of number: UInt32) -> UnsafePointer<patchbay_host>? {
        // The entry function's, which `client.h` names so.
        if number == 0xFF_FFFF { return entryHost }
        return state.withLock { $0.instances.first { $0.number == number }?.host }
    }

    // MARK: Calls

    /// The worker as it is now; one that is being started again is waited for a little.
    func available() -> Availability {
        let deadline = pbs_now() + Self.startNanoseconds
        let found = gate.wait(until: deadline) { () -> Availability? in
            switch state.withLock({ $0.phase }) {
            case .running(let life): return life.death == nil ? .life(life) : nil
            case .starting: return nil
            case .waiting(let until):
                let now = pbs_now()
                return until > now + Self.nearNanoseconds ? .later(until - now) : nil
            case .failed, .ended: return .later(Self.patience)
            }
        }
        return found ?? .later(Self.patience)
    }

    /// A batch of several events is handled from now on: each restart meanwhile is near enough to be waited for, so that
    /// the batch is halved until it is known which event ends the worker.
    func batchBegins() { batches.add(1, ordering: .sequentiallyConsistent) }
    func batchEnds() { batches.subtract(1, ordering: .sequentiallyConsistent) }

    /// The host asks a call to end. [any][noblock]
    func cancel(_ call: patchbay_call, of instance: IsolatedInstance, why: Int32) {
        guard case .running(let life) = state.withLock({ $0.phase }) else { return }
        let seen = life.cancel(call, why: why, patience: Self.patience)
        if seen != 0 { errands.post(.cancel(life: life.number, call: seen, instance: instance, why: why)) }
    }

    // MARK: End

    /// Ends the worker; a second time does nothing. Blocks at most until `deadline`, monotonic nanoseconds, and a little.
    func end(by deadline: UInt64) {
        let (phase, beginning) = state.withLock { state in
            defer { state.phase = .ended }
            return (state.phase, state.beginning)
        }
        beginning?.finish(by: pbs_now())
        if case .running(let life) = phase { life.finish(by: max(deadline, pbs_now() + 500_000_000)) }
        gate.notify()
        supervisor.withLock { $0.take() }?.join()
    }

    // MARK: Supervision

    private var isEnded: Bool {
        guard case .ended = state.withLock({ $0.phase }) else { return false }
        return true
    }

    /// False when it has ended meanwhile.
    private func enter(_ phase: Phase) -> Bool {
        let isAlive = state.withLock { state in
            if case .ended = state.phase { return false }
            state.phase = phase
            return true
        }
        gate.notify()
        return isAlive
    }

    private func supervise() {
        var backoff = RestartBackoff()
        var lives = 0
        while true {
            lives += 1
            var delay: UInt64
            do throws(ModuleError) {
                let life = try start(lives)
                guard enter(.running(life)) else {
                    life.finish(by: pbs_now())
                    return life.join()
                }
                serve(life)
                life.join()
                guard !isEnded, let death = life.death else { return }
                deaths.add()
                delay = backoff.delay(succeeded: life.hasSucceeded)
                if batches.load(ordering: .sequentiallyConsistent) > 0 { delay = min(delay, Self.nearNanoseconds) }
                report(death, delay)
            } catch {
                guard lives > 1 else {
                    _ = enter(.failed(error))
                    return
                }
                deaths.add()
                delay = max(backoff.delay(succeeded: false), RestartBackoff.first)
                logger.error("its worker cannot be started again: \(error)")
            }
            let until = pbs_now() + delay
            guard enter(.waiting(until)) else { return }
            _ = gate.wait(until: until) { isEnded ? true : nil }
            guard enter(.starting) else { return }
        }
    }

    private func report(_ death: WorkerDeath, _ delay: UInt64) {
        var metadata: Logger.Metadata = ["ended": .string(death.ending)]
        if !death.backtrace.isEmpty {
            metadata["backtrace"] = .string(death.backtrace.prefix(8).joined(separator: " < "))
        }
        let next = delay == 0 ? "it is started again" : "it is started again in \(delay / 1_000_000) ms"
        logger.error("the worker of '\(instance)' died, \(death.reason); \(next)", metadata: metadata)
    }

    /// A process with the module in it, and every instance made.
    private func start(_ number: Int) throws(ModuleError) -> WorkerLife {
        let life = try WorkerLife(of: self, number: number, gate: gate)
        state.withLock { $0.beginning = life }
        defer { state.withLock { $0.beginning = nil } }
        do throws(ModuleError) {
            try load(in: life)
            try makeRoomForCalls(in: life)
            for instance in state.withLock({ $0.instances }) {
                _ = HandlerMessage.take()
                var status: patchbay_status = 0
                guard instance.create(in: life, &status) else {
                    throw createFailure(instance, "ended its worker", life.awaitDeath().reason)
                }
                guard status >= 0 else {
                    throw createFailure(
                        instance, "refused to start with \(StatusName.of(status))",
                        StatusName.message(HandlerMessage.take()))
                }
            }
            return life
        } catch {
            life.finish(by: pbs_now())
            life.join()
            throw error
        }
    }

    private func load(in life: WorkerLife) throws(ModuleError) {
        let message = startMessage
        var status: patchbay_status = 0
        _ = HandlerMessage.take()
        let isTold = life.tell { space in
            message.withUnsafeBufferPointer {
                pbi_tell_start(space, entryHost, $0.baseAddress, UInt64($0.count), &status)
            }
        }
        guard isTold else {
            throw ModuleError(
                .workerFailed, file: code.file, "its worker died while it loaded the module",
                remedy: "see the log for what it said", cause: life.awaitDeath().reason)
        }
        guard status >= 0 else {
            throw ModuleError(
                .openFailed, file: code.file, "cannot be loaded in its worker, \(StatusName.of(status))",
                remedy: "install what is missing, grant the files that it needs, or run it inline",
                cause: StatusName.message(HandlerMessage.take()))
        }
        if status & 1 != 0, life.number == 1 {
            logger.warning("this kernel has no Landlock: '\(instance)' can read what the host's user can")
        }
        if status & 2 != 0, life.number == 1 {
            logger.warning("this kernel filters no system calls: '\(instance)' can reach the network by itself")
        }
    }

    /// A worker without a thread for calls would never take one.
    private func makeRoomForCalls(in life: WorkerLife) throws(ModuleError) {
        _ = HandlerMessage.take()
        guard let channel = life.takeChannel() else {
            throw ModuleError(
                .workerFailed, file: code.file, "its worker has no room for a thread that runs calls",
                remedy: "raise limits.memory, for which the 8 MiB of a thread's stack count",
                cause: StatusName.message(HandlerMessage.take()) ?? life.death?.reason)
        }
        life.giveBack(channel)
    }

    /// The path, the limits, what may be read, what may be written.
    private var startMessage: [UInt8] {
        var bytes: [UInt8] = []
        func put(_ number: UInt64) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
        func put(_ text: String) {
            put(UInt64(text.utf8.count))
            bytes += Array(text.utf8)
        }
        func put(_ paths: [String]) {
            put(UInt64(paths.count))
            for path in paths { put(path) }
        }
        put(code.path)
        put(UInt64(limits.memoryBytes))
        put(UInt64(limits.openFiles))
        put(UInt64(limits.threads))
        put(limits.cpuNanoseconds)
        put(limits.isConfined ? 1 : 0)
        put(code.folders + SystemLibraries.folders + limits.readablePaths)
        put(limits.writablePaths)
        return bytes
    }

    /// Carries messages until the worker is dead.
    private func serve(_ life: WorkerLife) {
        while true {
            let errands = gate.wait { () -> [ErrandQueue.Errand]? in
                let errands = self.errands.takeAll()
                if !errands.isEmpty { return errands }
                return life.death == nil ? nil : []
            }
            guard let errands, !errands.isEmpty else { return }
            for errand in errands { carry(errand, to: life) }
        }
    }

    private func carry(_ errand: ErrandQueue.Errand, to life: WorkerLife) {
        switch errand {
        case .cancel(let number, let call, let instance, let why):
            guard number == life.number else { return }
            life.send { pbi_tell_cancel($0, instance.number, instance.host, call, why) }
        case .answered(let number, let message):
            guard number == life.number, let host = host(of: pbi_answered_handler(message.bytes, message.count)) else {
                return
            }
            life.send { pbi_tell_answered($0, host, message.bytes, message.count) }
        }
    }

    private func createFailure(_ instance: IsolatedInstance, _ what: String, _ cause: String?) -> ModuleError {
        ModuleError(
            .createFailed, file: code.file, "the handler '\(instance.id)' \(what)",
            remedy: "see the handler's own message; correct its configuration or its surroundings", cause: cause)
    }
}
