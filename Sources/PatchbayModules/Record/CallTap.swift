import CPatchbay
import PatchbayEvents
import Synchronization

/// Between the host and one handler whose calls are watched: knows the tapes of its open calls.
final class CallTap: Sendable {
    private let subject: Mutex<CallSubject>
    private let watch: any CallWatch
    private let calls: CallTable
    private let open = Mutex<[patchbay_call: CallTape]>([:])
    /// As many as are in `open`: what services ask first.
    private let count = Atomic<Int>(0)

    init(_ subject: CallSubject, _ watch: any CallWatch, calls: CallTable) {
        self.subject = Mutex(subject)
        self.watch = watch
        self.calls = calls
        watch.looksAfter { [weak self] in self?.endClosed() }
    }

    /// The tape of a call, by the host pointer that came with a request; `nil`: it is not watched. [any]
    static func tape(_ host: UnsafePointer<patchbay_host>?, _ call: patchbay_call) -> (tape: CallTape, of: HostContext)?
    {
        let found = HostBlock.with(host) { context in context.tap?.tape(of: call).map { (tape: $0, of: context) } }
        return found ?? nil
    }

    func tape(of call: patchbay_call) -> CallTape? {
        guard count.load(ordering: .acquiring) > 0 else { return nil }
        return open.withLock { $0[call] }
    }

    /// Completes a call with `complete`, and notes what came of it: what the host takes is the outcome, and what it
    /// refuses since it has closed the call is late; `isLate`: so is this. [any]
    func completing(
        _ call: patchbay_call, by who: String, isLate: Bool = false,
        _ outcome: @autoclosure () -> (OutcomeKind, ResultDetails?), _ complete: () -> patchbay_status
    ) -> patchbay_status {
        guard let tape = tape(of: call) else { return complete() }
        let (kind, details) = outcome()
        return tape.completing(kind, details, by: who, isLate: isLate, complete) { forget(call) }
    }

    /// Ends the tapes of calls that the host has closed, and that may never be completed.
    private func endClosed() {
        guard count.load(ordering: .acquiring) > 0 else { return }
        for (call, tape) in open.withLock({ $0 }) where calls.isClosed(call) {
            forget(call)
            tape.endLate()
        }
    }

    private func forget(_ call: patchbay_call) {
        guard open.withLock({ $0.removeValue(forKey: call) }) != nil else { return }
        count.subtract(1, ordering: .releasing)
    }

    /// The handler has another configuration from now on.
    func reconfigured(_ shown: ShownConfiguration) { subject.withLock { $0.shown = shown } }

    /// The handler as dispatch is to call it.
    func wrap(_ handler: Handler) -> Handler {
        let tapped = TappedHandler(inner: handler, tap: self)
        return Handler(
            tapping: handler, instance: OpaquePointer(Unmanaged.passUnretained(tapped).toOpaque()),
            handle: { instance, call, event in
                guard let instance, let event else { return .badArgument }
                return TappedHandler.with(instance) { $0.tap.handle($0.inner, call, event) }
            },
            handleBatch: handler.handleBatch == nil
                ? nil
                : { instance, count, calls, events in
                    guard let instance, let calls, let events else { return .badArgument }
                    return TappedHandler.with(instance) { $0.tap.handleBatch($0.inner, count, calls, events) }
                },
            cancel: { instance, call, why in
                guard let instance else { return }
                TappedHandler.with(instance) { tapped in
                    tapped.tap.tape(of: call)?.cancel(why)
                    tapped.inner.cancel?(tapped.inner.instance, call, why)
                }
            }, owner: tapped)
    }

    private func handle(
        _ handler: Handler, _ call: patchbay_call, _ event: UnsafePointer<patchbay_event>
    ) -> patchbay_status {
        guard watch.isWatching, let tape = watch.begin(subject.withLock { $0 }, call, event) else {
            return handler.handle(handler.instance, call, event)
        }
        count.add(1, ordering: .acquiringAndReleasing)
        open.withLock { $0[call] = tape }
        let status = watch.run(handler, call, event)
        // Completed here, since nobody else knows whether the host takes it. What is complete already stays so.
        if status == .ok {
            _ = completing(call, by: "handler", (.done, nil)) { calls.complete(call, .done, nil) }
        } else if status < 0 {
            let details = ResultDetails(reason: HandlerMessage.take())
            _ = completing(call, by: "handler", (.retry, details)) { calls.complete(call, .retry, details) }
        }
        return status
    }

    /// One by one while calls are watched, so that each has its own outcome and its own time.
    private func handleBatch(
        _ handler: Handler, _ count: UInt64, _ calls: UnsafePointer<patchbay_call>,
        _ events: UnsafePointer<UnsafePointer<patchbay_event>?>
    ) -> patchbay_status {
        guard watch.isWatching else {
            return handler.handleBatch?(handler.instance, count, calls, events) ?? .unsupported
        }
        for index in 0..<Int(count) {
            guard let event = events[index] else { continue }
            let status = handle(handler, calls[index], event)
            // What is complete already stays so.
            if status == .ok {
                _ = self.calls.complete(calls[index], .done, nil)
            } else if status < 0 {
                _ = self.calls.complete(calls[index], .retry, ResultDetails(reason: HandlerMessage.take()))
            }
        }
        return .pending
    }
}

/// A handler and its tap, where C can point at them.
private final class TappedHandler: Sendable {
    let inner: Handler
    let tap: CallTap

    init(inner: Handler, tap: CallTap) {
        self.inner = inner
        self.tap = tap
    }

    static func with<R>(_ instance: OpaquePointer, _ body: (TappedHandler) -> R) -> R {
        Unmanaged<TappedHandler>.fromOpaque(UnsafeRawPointer(instance))._withUnsafeGuaranteedRef { body($0) }
    }
}

extension CallTable {
    /// Whether the host has closed a call, as its slot knows until another call has it.
    fileprivate func isClosed(_ call: patchbay_call) -> Bool {
        let index = Int(call & 0xFF_FFFF)
        guard index < capacity else { return false }
        let word = words[index].load(ordering: .acquiring)
        return word >> CallWord.generationShift == call >> 24 && word & CallWord.closed != 0
    }
}
