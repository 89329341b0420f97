import CPatchbay
import CPatchbayIsolation
import CPatchbaySystem
import PatchbayEvents
import Synchronization

/// One handler instance of an isolated module, as dispatch calls it: events go to the worker, outcomes come back.
final class IsolatedInstance: HandlerInstance {
    let module: IsolatedModule
    let id: String
    /// In the worker; unique in the module's life.
    let number: UInt32
    // Invariant: a host pointer lives for ever.
    nonisolated(unsafe) let host: UnsafePointer<patchbay_host>
    private let context: HostContext
    /// What it is made with in the next life.
    private let configuration: Mutex<String>
    /// Whether the module handles several events at once.
    private let takesBatches: Bool

    init(
        of module: IsolatedModule, _ declared: Manifest.Handler, configuration: String, context: HostContext
    ) {
        self.module = module
        id = declared.id
        number = module.takeNumber()
        self.context = context
        host = context.tap == nil ? HostBlock.make(for: context) : TappedHost.make(for: context)
        self.configuration = Mutex(configuration)
        takesBatches = declared.batchMax != nil
    }

    /// What dispatch calls. A module without batches gets several events in one exchange all the same, one by one.
    func handler(_ scope: HandlerScope, _ declared: Manifest.Handler) -> Handler {
        Handler(
            name: scope.name, module: module.code.module, version: module.code.version,
            definition: Handler.definition(
                module: module.code.module, version: module.code.version, handler: declared.id),
            concurrency: declared.concurrency, blocking: true,
            batchMax: min(declared.batchMax ?? PatchbayIsolation.usualRun, PatchbayIsolation.runMax),
            instance: OpaquePointer(Unmanaged.passUnretained(self).toOpaque()),
            handle: { instance, call, event in
                guard let instance, let event else { return .badArgument }
                return IsolatedInstance.with(instance) { $0.handle(call, event) }
            },
            handleBatch: { instance, count, calls, events in
                guard let instance, let calls, let events else { return .badArgument }
                return IsolatedInstance.with(instance) { $0.handleBatch(Int(count), calls, events) }
            },
            cancel: { instance, call, why in
                guard let instance else { return }
                IsolatedInstance.with(instance) { $0.module.cancel(call, of: $0, why: why) }
            },
            owner: self)
    }

    private static func with<R>(_ instance: OpaquePointer, _ body: (IsolatedInstance) -> R) -> R {
        Unmanaged<IsolatedInstance>.fromOpaque(UnsafeRawPointer(instance))._withUnsafeGuaranteedRef { body($0) }
    }

    // MARK: Control

    /// Makes it in a worker; false when that died.
    func create(in life: WorkerLife, _ status: inout patchbay_status) -> Bool {
        context.isCreating = true
        defer { context.isCreating = false }
        var given: patchbay_status = 0
        let isTold = ForeignText.lending(id) { id in
            ForeignText.lending(configuration.withLock { $0 }) { text in
                life.tell { pbi_tell_create($0, number, host, id, text, &given) }
            }
        }
        status = given
        return isTold
    }

    func reconfigure(_ text: String) -> patchbay_status? {
        guard case .life(let life) = module.available() else { return .badState }
        var status: patchbay_status = 0
        let isTold = ForeignText.lending(text) { text in
            life.tell { pbi_tell_reconfigure($0, number, host, text, &status) }
        }
        guard isTold else { return .internalError }
        guard status != .unsupported else { return nil }
        if status >= 0 { configuration.withLock { $0 = text } }
        return status
    }

    /// A worker that is dead has nothing to drain.
    func drain(deadline: UInt64) -> patchbay_status {
        guard case .life(let life) = module.available() else { return .ok }
        var status: patchbay_status = 0
        let now = pbs_now()
        let limit = deadline > now ? deadline - now + 1_000_000_000 : WorkerLife.controlNanoseconds
        return life.tell(limit: limit) { pbi_tell_drain($0, number, host, deadline, &status) } ? status : .ok
    }

    func destroy() {
        module.remove(self)
        guard case .life(let life) = module.available() else { return }
        _ = life.tell { pbi_tell_destroy($0, number, host) }
    }

    // MARK: Calls

    func handle(_ call: patchbay_call, _ event: UnsafePointer<patchbay_event>) -> patchbay_status {
        guard let life = life(for: call), var slot = open(call, event, in: life) else { return .ok }
        guard let channel = life.takeChannel() else {
            life.close(slot, call)
            return shed(call, for: 10_000_000)
        }
        var status: patchbay_status = 0
        let end = pbi_run(life.space, channel, number, host, 1, &slot, 0, &status)
        guard end == Int32(PBI_RAN) else {
            if end == Int32(PBI_BROKEN) { life.breakOff() }
            conclude(slot, call, in: life, after: life.awaitDeath(), channel: channel)
            return .ok
        }
        life.giveBack(channel)
        return life.conclude(slot, call, of: self) ? .ok : .pending
    }

    private func handleBatch(
        _ count: Int, _ calls: UnsafePointer<patchbay_call>, _ events: UnsafePointer<UnsafePointer<patchbay_event>?>
    ) -> patchbay_status {
        let isBatch = takesBatches && count > 1
        if isBatch { module.batchBegins() }
        defer { if isBatch { module.batchEnds() } }
        var waiting = [Array(0..<count)]
        while let part = waiting.popLast() {
            guard let first = part.first else { continue }
            guard let life = life(for: calls[first]) else {
                for index in part.dropFirst() { _ = shed(calls[index], for: 10_000_000) }
                continue
            }
            waiting += run(part, calls, events, in: life)
        }
        return .pending
    }

    /// Runs a part of a batch; gives what is to be run again, because nobody knows which of its events ended the worker.
    private func run(
        _ part: [Int], _ calls: UnsafePointer<patchbay_call>,
        _ events: UnsafePointer<UnsafePointer<patchbay_event>?>, in life: WorkerLife
    ) -> [[Int]] {
        var slots: [UInt32] = []
        var indices: [Int] = []
        for index in part {
            guard let event = events[index], let slot = open(calls[index], event, in: life) else { continue }
            slots.append(slot)
            indices.append(index)
        }
        guard !slots.isEmpty, let channel = life.takeChannel() else {
            for (slot, index) in zip(slots, indices) {
                life.close(slot, calls[index])
                _ = shed(calls[index], for: 10_000_000)
            }
            return []
        }
        var status: patchbay_status = 0
        let isBatch = takesBatches && slots.count > 1
        let end = pbi_run(
            life.space, channel, number, host, UInt32(slots.count), slots, isBatch ? 1 : 0, &status)
        if end == Int32(PBI_RAN) {
            life.giveBack(channel)
            for (slot, index) in zip(slots, indices) { _ = life.conclude(slot, calls[index], of: self) }
            return []
        }
        if end == Int32(PBI_BROKEN) { life.breakOff() }
        let death = life.awaitDeath()
        let left = zip(slots, indices).filter { slot, index in
            pbi_settle(life.space, slot, calls[index], host) == Int32(PBI_NOT_COMPLETED)
        }
        guard isBatch else {
            endSerial(left.map { ($0, calls[$1]) }, of: slots, by: death, channel, in: life)
            return []
        }
        let isSuspect = death.culprit == .channel(channel) || death.culprit == .anyCall
        guard isSuspect, left.count > 1 else {
            for (_, index) in left { self.end(calls[index], by: death, entered: true, channel: channel) }
            return []
        }
        let half = left.count / 2
        return [left.dropFirst(half).map { $0.1 }, left.prefix(half).map { $0.1 }]
    }

    /// What a dead worker leaves of calls that were run one after another on one of its channels: it was in one of them,
    /// and had others open behind.
    private func endSerial(
        _ left: [(slot: UInt32, call: patchbay_call)], of slots: [UInt32], by death: WorkerDeath, _ channel: UInt32,
        in life: WorkerLife
    ) {
        // A worker gone wild may have lost the mark of the one that it was in: then it may be each of them.
        let isMarked = slots.contains { pbi_was_running(life.space, $0) != 0 }
        for (slot, call) in left {
            let isInside = !isMarked || pbi_was_running(life.space, slot) != 0
            let isEntered = pbi_was_entered(life.space, slot) != 0
            end(call, by: death, entered: isEntered, channel: isInside ? channel : nil)
        }
    }

    /// What a dead worker leaves of a call that was on one of its channels.
    private func conclude(
        _ slot: UInt32, _ call: patchbay_call, in life: WorkerLife, after death: WorkerDeath, channel: UInt32
    ) {
        guard pbi_settle(life.space, slot, call, host) == Int32(PBI_NOT_COMPLETED) else { return }
        end(call, by: death, entered: pbi_was_entered(life.space, slot) != 0, channel: channel)
    }

    /// Ends a call that its worker did not: an attempt that failed, or one that never was.
    func end(_ call: patchbay_call, by death: WorkerDeath, entered: Bool, channel: UInt32?) {
        var details = ResultDetails(reason: death.reason)
        guard death.charges(call, entered: entered, channel: channel) else {
            details.retryAfter = 1
            complete(call, .busy, details)
            return
        }
        details.detail = death.detail
        // One that went on for too long is as late as if the host had closed it, whoever of the two comes first.
        let isLate = death.culprit == .call(call)
        complete(call, isLate ? .cancelled : .retry, details, by: "worker", isLate: isLate)
    }

    /// A slot for a call, or the call is ended: one that cannot be run now, or never, or should not be any more.
    private func open(
        _ call: patchbay_call, _ event: UnsafePointer<patchbay_event>, in life: WorkerLife
    ) -> UInt32? {
        guard !module.environment.calls.isCancelled(call) else {
            complete(call, .cancelled, ResultDetails(reason: "cancelled: before its worker had it"))
            return nil
        }
        let slot = pbi_open(life.space, call, event)
        guard slot != 0 else {
            _ = shed(call, for: 10_000_000)
            return nil
        }
        guard slot != PBI_NEVER_FITS else {
            var details = ResultDetails(reason: "too_large: a worker takes events of 64 MiB at most")
            details.sparesBreaker = true
            complete(call, .fail, details)
            return nil
        }
        // Who cancelled it just before has found no slot, and does not come again.
        let why = module.environment.calls.cancelReason(call)
        if why != 0 { module.cancel(call, of: self, why: why) }
        return slot
    }

    /// A worker for a call, or the call goes back to where it waits.
    private func life(for call: patchbay_call) -> WorkerLife? {
        switch module.available() {
        case .life(let life): return life
        case .later(let wait):
            _ = shed(call, for: wait)
            return nil
        }
    }

    private func shed(_ call: patchbay_call, for wait: UInt64) -> patchbay_status {
        var details = ResultDetails(reason: "busy: its worker is not ready")
        details.retryAfter = wait
        complete(call, .busy, details)
        return .ok
    }

    /// Ends a call in the place of its handler.
    private func complete(
        _ call: patchbay_call, _ kind: OutcomeKind, _ details: ResultDetails, by who: String = "host",
        isLate: Bool = false
    ) {
        let calls = module.environment.calls
        guard let tap = context.tap else { return _ = calls.complete(call, kind, details) }
        _ = tap.completing(call, by: who, isLate: isLate, (kind, details)) { calls.complete(call, kind, details) }
    }
}
