import CPatchbay

/// Events that are handled together, never two of one ordering key. Lent for the duration of `handle`.
public struct Batch: ~Copyable {
    let calls: UnsafePointer<patchbay_call>
    let events: UnsafePointer<UnsafePointer<patchbay_event>?>
    let services: ServicesReference
    /// At least 1.
    public let count: Int

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
        call(at: index).complete(with: outcome)
    }
}
