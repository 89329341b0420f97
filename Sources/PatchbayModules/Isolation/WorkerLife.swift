import CPatchbay
import CPatchbayIsolation
import CPatchbaySystem
import Glibc
import Logging
import PatchbayEvents
import Synchronization

/// One life of a worker: its process, the memory that it shares with the host, the calls that are open there.
///
/// Threads: `start` and `join` by the thread that supervises the module; `watch` is a thread of the life's own; all else
/// from any thread.
final class WorkerLife: Sendable {
    /// A call whose handler returned `PATCHBAY_PENDING`.
    struct PendingCall: Sendable {
        var call: patchbay_call
        var instance: IsolatedInstance
    }

    /// A call that the host wants to end, why, and when it has to have (monotonic nanoseconds).
    private struct AskedToEnd {
        var why: Int32
        var until: UInt64
    }

    /// Frames of a crash that its reason names.
    private static let framesTold = 5

    /// Why the host ends it.
    private enum Doom { case overdue(patchbay_call), broken, stuck, ended }

    private struct Channels {
        var free: [UInt32] = []
        /// Without a thread in the worker.
        var unmade = Array(UInt32(1)..<UInt32(PatchbayIsolation.channelsMax - 1))
        var waiting = 0
    }

    let number: Int
    // Invariant: freed by `deinit` only, and every function of the space may be called from any thread.
    nonisolated(unsafe) let space: OpaquePointer
    private let process: WorkerProcess
    private unowned let module: IsolatedModule
    private let gate: Gate
    /// Whoever sends a message to the worker's main thread.
    private let telling = Mutex<Void>(())
    /// When a function of the module that it or the supervisor waits for has to have returned; 0: none runs.
    private let toldUntil = Atomic<UInt64>(0)
    private let sentUntil = Atomic<UInt64>(0)
    /// When it has to have ended; 0: it goes on.
    private let endUntil = Atomic<UInt64>(0)
    /// Has the watcher look; the worker does not have it.
    private let wake: Int32
    private let channels = Mutex(Channels())
    private let pending = Mutex<[UInt32: PendingCall]>([:])
    private let asked = Mutex<[patchbay_call: AskedToEnd]>([:])
    private let doom = Mutex<Doom?>(nil)
    private let end = Mutex<WorkerDeath?>(nil)
    private let watcher = Mutex<OwnThread?>(nil)
    private let succeeded = Atomic<Bool>(false)

    /// Starts the process and its watcher; the module is not loaded there yet.
    init(of module: IsolatedModule, number: Int, gate: Gate) throws(ModuleError) {
        self.module = module
        self.number = number
        self.gate = gate
        let box = AnswerBox(life: number, errands: module.errands)
        let owner = pbi_owner(
            context: Unmanaged.passRetained(box).toOpaque(),
            retain: { context in
                guard let context else { return }
                _ = Unmanaged<AnswerBox>.fromOpaque(context).retain()
            },
            release: { context in
                guard let context else { return }
                Unmanaged<AnswerBox>.fromOpaque(context).release()
            },
            answered: { context, message, length in
                guard let context, let message else { return }
                Unmanaged<AnswerBox>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.post(message, length) }
            })
        var files: [Int32] = [-1, -1]
        wake = pbs_event_new()
        guard let space = pbi_space_new(module.entryHost, &files, owner) else {
            let number = errno
            Unmanaged.passUnretained(box).release()
            Glibc.close(wake)
            throw ModuleError(
                .workerFailed, file: module.code.file, "its worker has no memory to share",
                remedy: "give the host more address space and files", cause: SystemError.message(number))
        }
        self.space = space
        do {
            process = try WorkerProcess(files: (files[0], files[1]), module: module.code.file)
        } catch {
            pbi_space_free(space)
            Glibc.close(wake)
            throw error
        }
        do {
            let thread = try OwnThread("pb-watch") { [self] in watch() }
            watcher.withLock { $0 = thread }
        } catch {
            process.kill()
            _ = process.reap()
            throw ModuleError(
                .workerFailed, file: module.code.file, "its worker cannot be watched",
                remedy: "give the host room for more threads", cause: "\(error)")
        }
    }

    deinit {
        pbi_space_free(space)
        Glibc.close(wake)
    }

    /// `nil` while it lives.
    var death: WorkerDeath? { end.withLock { $0 } }
    /// Whether a call was completed there.
    var hasSucceeded: Bool { succeeded.load(ordering: .relaxed) }

    private func noteSuccess(_ slot: UInt32) {
        // One that was given up before its turn says nothing of the module.
        guard pbi_was_entered(space, slot) != 0 else { return }
        if !succeeded.load(ordering: .relaxed) { succeeded.store(true, ordering: .relaxed) }
    }

    /// Waits until it is known how it ended; the kernel has ended it, or is about to.
    func awaitDeath() -> WorkerDeath {
        while true {
            if let death = gate.wait(until: 0, { death }) { return death }
        }
    }

    /// Waits for its watcher. Once, after its death.
    func join() { watcher.withLock { $0.take() }?.join() }

    // MARK: Ending it

    /// The worker broke the rules between the two processes.
    func breakOff() { kill(.broken) }

    /// Lets it end by itself, at most until `deadline` (monotonic nanoseconds), then ends it.
    func finish(by deadline: UInt64) {
        doom.withLock { $0 = $0 ?? .ended }
        endUntil.store(max(1, deadline), ordering: .releasing)
        pbs_event_set(wake)
        telling.withLock { _ in pbi_tell_end(space) }
        _ = awaitDeath()
    }

    private func kill(_ why: Doom) {
        doom.withLock { doom in
            guard doom == nil else { return }
            doom = why
            process.kill()
        }
    }

    // MARK: Messages to its main thread

    /// How long a control function may take.
    static let controlNanoseconds: UInt64 = 60_000_000_000

    /// One message at a time; false when the worker died. What takes longer than `limit` nanoseconds ends it.
    func tell(limit: UInt64 = controlNanoseconds, _ message: (OpaquePointer) -> Int32) -> Bool {
        telling.withLock { _ in exchange(message, toldUntil, limit) }
    }

    /// The same for answers and cancellations, which another thread of the worker takes. [supervisor]
    func send(_ message: (OpaquePointer) -> Int32) { _ = exchange(message, sentUntil, Self.controlNanoseconds) }

    private func exchange(
        _ message: (OpaquePointer) -> Int32, _ until: borrowing Atomic<UInt64>, _ limit: UInt64
    ) -> Bool {
        until.store(pbs_now() &+ limit, ordering: .releasing)
        defer { until.store(0, ordering: .releasing) }
        let result = message(space)
        if result == Int32(PBI_BROKEN) { breakOff() }
        return result == Int32(PBI_RAN)
    }

    // MARK: Channels

    /// A channel for one run; `nil` when the worker has no thread for it, or is dead.
    func takeChannel() -> UInt32? {
        let deadline = pbs_now() + 1_000_000_000
        while true {
            let (free, new) = channels.withLock { channels -> (UInt32?, UInt32?) in
                if let free = channels.free.popLast() { return (free, nil) }
                if let new = channels.unmade.popLast() { return (nil, new) }
                channels.waiting += 1
                return (nil, nil)
            }
            if let free { return free }
            if let new {
                var status: patchbay_status = 0
                let isTold = tell { pbi_tell_thread($0, module.entryHost, new, &status) }
                if isTold, status >= 0 { return new }
                channels.withLock { $0.unmade.append(new) }
                return nil
            }
            let found = gate.wait(until: deadline) { () -> Bool? in
                if death != nil { return false }
                return channels.withLock { $0.free.isEmpty } ? nil : true
            }
            channels.withLock { $0.waiting -= 1 }
            guard found == true else { return nil }
        }
    }

    func giveBack(_ channel: UInt32) {
        let isAwaited = channels.withLock { channels in
            channels.free.append(channel)
            return channels.waiting > 0
        }
        if isAwaited { gate.notify() }
    }

    // MARK: Calls

    /// What a returned run leaves of a call: whether it is completed. Otherwise it is kept until it is.
    func conclude(_ slot: UInt32, _ call: patchbay_call, of instance: IsolatedInstance) -> Bool {
        if pbi_settle(space, slot, call, instance.host) != Int32(PBI_NOT_COMPLETED) {
            noteSuccess(slot)
            close(slot, call)
            return true
        }
        pending.withLock { $0[slot] = PendingCall(call: call, instance: instance) }
        // It may have been completed, and looked for in vain, just before.
        if pbi_settle(space, slot, call, instance.host) != Int32(PBI_NOT_COMPLETED) {
            noteSuccess(slot)
            forget(slot, call)
        }
        if let death { endPending(slot, by: death) }
        return false
    }

    func close(_ slot: UInt32, _ call: patchbay_call) {
        if asked.withLock({ !$0.isEmpty }) { _ = asked.withLock { $0.removeValue(forKey: call) } }
        pbi_close(space, slot, call)
    }

    /// Once it is completed. The slot may be another call's by now, which whoever completed this one gave it to.
    private func forget(_ slot: UInt32, _ call: patchbay_call) {
        let ended = pending.withLock { $0[slot]?.call == call ? $0.removeValue(forKey: slot) : nil }
        if ended != nil { close(slot, call) }
    }

    /// The host asks a call to end; what goes on for `patience` nanoseconds ends with the worker. The call as the worker
    /// sees it, 0 when it is not there or was asked the same before.
    func cancel(_ call: patchbay_call, why: Int32, patience: UInt64) -> patchbay_call {
        if why == Int32(PATCHBAY_CANCEL_SHUTDOWN) { pbi_space_stop(space) }
        let seen = pbi_cancel(space, call, why)
        guard seen != 0 else { return 0 }
        let before = asked.withLock { asked in
            let before = asked[call]
            asked[call] = AskedToEnd(why: why, until: before?.until ?? pbs_now() + patience)
            return before
        }
        pbs_event_set(wake)
        return before?.why == why ? 0 : seen
    }

    // MARK: Watching

    private func watch() {
        let output = WorkerOutput(process.output, "stdout", level: .info)
        var logs = (output, WorkerOutput(process.errors, "stderr", level: .warning))
        var open = (true, true)
        while true {
            var files = [
                pollfd(fd: process.ending, events: Int16(POLLIN), revents: 0),
                pollfd(fd: pbi_bell(space), events: Int16(POLLIN), revents: 0),
                pollfd(fd: open.0 ? process.output : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: open.1 ? process.errors : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
            ]
            poll(&files, nfds_t(files.count), waitMilliseconds)
            if files[1].revents != 0 { serve() }
            if files[2].revents != 0 { open.0 = logs.0.read(to: module.logger) }
            if files[3].revents != 0 { open.1 = logs.1.read(to: module.logger) }
            if files[4].revents != 0 { drainWake() }
            endOverdue()
            endStuck()
            guard files[0].revents != 0 else { continue }
            let how = process.reap()
            serve()
            // The last that it wrote, as far as it lies in the pipes.
            for _ in 0..<16 where open.0 { open.0 = logs.0.read(to: module.logger) }
            for _ in 0..<16 where open.1 { open.1 = logs.1.read(to: module.logger) }
            die(how)
            return
        }
    }

    /// Threads of the module's own, and what they completed.
    private func serve() {
        let context = Unmanaged.passUnretained(module).toOpaque()
        let result = pbi_serve_bell(
            space,
            { context, handler in
                guard let context else { return nil }
                return Unmanaged<IsolatedModule>.fromOpaque(context)._withUnsafeGuaranteedRef { $0.host(of: handler) }
            }, context)
        if result == Int32(PBI_BROKEN) { breakOff() }
        // As many as there are slots: a worker that goes mad does not keep this thread.
        for _ in 0..<Int(PatchbayIsolation.slots) {
            let slot = pbi_next_completed(space)
            guard slot != 0 else { return }
            guard let ended = pending.withLock({ $0[slot] }) else { continue }
            if pbi_settle(space, slot, ended.call, ended.instance.host) != Int32(PBI_NOT_COMPLETED) {
                noteSuccess(slot)
                forget(slot, ended.call)
            }
        }
        pbs_event_set(wake)
    }

    private func drainWake() {
        var count: UInt64 = 0
        _ = read(wake, &count, MemoryLayout<UInt64>.size)
    }

    private var waitMilliseconds: Int32 {
        let ends = endUntil.load(ordering: .acquiring)
        guard
            let next = [asked.withLock({ $0.values.map(\.until).min() }), ends == 0 ? nil : ends].compactMap({ $0 })
                .min()
        else {
            return 1_000
        }
        let now = pbs_now()
        return next <= now ? 1 : Int32(clamping: min(1_000, (next - now) / 1_000_000 + 1))
    }

    private func endOverdue() {
        let now = pbs_now()
        guard let call = asked.withLock({ calls in calls.first { $0.value.until <= now }?.key }) else { return }
        // Completed meanwhile: then it is no longer here.
        guard pbi_is_open(space, call) != 0 else {
            _ = asked.withLock { $0.removeValue(forKey: call) }
            return
        }
        kill(.overdue(call))
    }

    /// A function that does not return, or a process that does not end.
    private func endStuck() {
        let now = pbs_now()
        func isOver(_ until: UInt64) -> Bool { until != 0 && now >= until }
        if isOver(endUntil.load(ordering: .acquiring)) { process.kill() }
        if isOver(toldUntil.load(ordering: .acquiring)) || isOver(sentUntil.load(ordering: .acquiring)) { kill(.stuck) }
    }

    /// Nothing runs there any more: says what became of it, and ends the calls that it left pending.
    private func die(_ how: OwnProcess.End) {
        let death = verdict(how)
        pbi_space_bury(space)
        // First: what is left pending from now on is ended by whoever leaves it.
        end.withLock { $0 = death }
        for slot in pending.withLock({ Array($0.keys) }) { endPending(slot, by: death) }
        gate.notify()
    }

    private func endPending(_ slot: UInt32, by death: WorkerDeath) {
        guard let ended = pending.withLock({ $0.removeValue(forKey: slot) }) else { return }
        if pbi_settle(space, slot, ended.call, ended.instance.host) != Int32(PBI_NOT_COMPLETED) { return }
        ended.instance.end(ended.call, by: death, entered: true, channel: nil)
    }

    private func verdict(_ how: OwnProcess.End) -> WorkerDeath {
        var ending = ""
        switch how {
        case .exited(let code): ending = "exit \(code)"
        case .signalled(let signal): ending = WorkerDeath.signalName(signal)
        }
        switch doom.withLock({ $0 }) {
        case .overdue(let call):
            return WorkerDeath(
                culprit: .call(call), ending: ending,
                reason: "timeout: the call did not end in time, and its worker was killed")
        case .broken:
            return WorkerDeath(
                culprit: .anyCall, ending: ending, reason: "killed: its worker said what makes no sense")
        case .stuck:
            return WorkerDeath(
                culprit: .anyCall, ending: ending, reason: "killed: a control function of the module did not return")
        case .ended: return WorkerDeath(culprit: .host, ending: ending, reason: "ended: the host has no use for it")
        case nil: break
        }
        var report = pbi_crash_report()
        guard pbi_crash_of(space, &report) != 0 else {
            return WorkerDeath(culprit: .anyCall, ending: ending, reason: "crashed: its worker ended with \(ending)")
        }
        let culprit = report.channel > 0 ? WorkerDeath.Culprit.channel(UInt32(report.channel)) : .anyCall
        guard report.signal != 0 else {
            return WorkerDeath(culprit: culprit, ending: ending, reason: "exited: the module called exit (\(ending))")
        }
        var text = [CChar](repeating: 0, count: 6_144)
        let length = pbi_crash_text(space, &text, UInt64(text.count))
        let lines = text.prefix(Int(length)).split(separator: 0x0A)
        let frames = lines.map { String(decoding: $0.map { UInt8(bitPattern: $0) }, as: UTF8.self) }
        let signal = WorkerDeath.signalName(report.signal)
        // From the module's own code on: what it called to die says less.
        let own = frames.firstIndex { $0.hasPrefix("\(module.code.fileName) ") } ?? 0
        let told = frames.dropFirst(own).prefix { !module.code.isCaller($0) }.prefix(Self.framesTold)
        let place = told.isEmpty ? "" : " in \(told.joined(separator: " < "))"
        guard report.signal != SIGXCPU else {
            return WorkerDeath(
                culprit: culprit, ending: signal, reason: "cpu_exceeded: more processor time than its limit\(place)",
                backtrace: frames)
        }
        let hasAddress = [SIGSEGV, SIGBUS].contains(report.signal)
        let address = hasAddress ? " at \(WorkerDeath.hexadecimal(report.address))" : ""
        return WorkerDeath(
            culprit: culprit, ending: signal, reason: "crashed: \(signal)\(address)\(place)", backtrace: frames)
    }
}

/// Bounds that the memory's layout sets.
enum PatchbayIsolation {
    /// Runs at once in one worker; its main thread's channel included.
    static let channelsMax = 64
    /// Calls that are open at once, one less.
    static let slots = 4096
    /// Calls of one run.
    static let runMax = 1024
    /// Calls of one run where the route does not say.
    static let usualRun = 64
}
