import CPatchbay

/// Events that are handled together, never two of one ordering key. Lent for the duration of `handle`: what that neither
/// settles nor defers is done when it returns, and tried again when it throws.
public struct Batch: ~Copyable {
    let calls: UnsafePointer<patchbay_call>
    let events: UnsafePointer<UnsafePointer<patchbay_event>?>
    let services: ServicesReference
    /// At least 1.
    public let count: Int
    private let progress: Progress

    init(
        calls: UnsafePointer<patchbay_call>, events: UnsafePointer<UnsafePointer<patchbay_event>?>,
        services: ServicesReference, count: Int
    ) {
        self.calls = calls
        self.events = events
        self.services = services
        self.count = count
        progress = Progress(count)
    }

    /// Shows the event at `index`, from 0 to `count - 1`.
    public func withEvent<R, E: Error>(at index: Int, _ body: (borrowing EventView, Call) throws(E) -> R) throws(E) -> R
    {
        precondition(index >= 0 && index < count, "index out of the batch")
        guard let event = events[index] else { preconditionFailure("a batch without an event") }
        return try body(EventView(event), call(at: index))
    }

    /// The call of the event at `index`.
    public func call(at index: Int) -> Call {
        precondition(index >= 0 && index < count, "index out of the batch")
        return Call(id: calls[index], services: services)
    }

    /// Settles one event. False: it was settled before.
    @discardableResult
    public func complete(_ index: Int, with outcome: Outcome) -> Bool {
        progress.isSettled[index] = true
        return call(at: index).complete(with: outcome)
    }

    /// The right to complete one call later, from any thread, having copied what is needed of the event.
    public func `defer`(_ index: Int) -> Deferred {
        progress.isSettled[index] = true
        progress.hasDeferred = true
        return Deferred(call(at: index))
    }

    /// Where calls are deferred the status of the batch would be theirs, too: the others are settled here, one by one.
    /// False: none is deferred.
    func settlesRest(with outcome: Outcome) -> Bool {
        guard progress.hasDeferred else { return false }
        for index in 0..<count where !progress.isSettled[index] { call(at: index).complete(with: outcome) }
        return true
    }

    /// What of it nobody else is to settle.
    private final class Progress {
        var isSettled: [Bool]
        var hasDeferred = false

        init(_ count: Int) { isSettled = Array(repeating: false, count: count) }
    }
}
