import PatchbayDispatch

@testable import PatchbayDispatch

/// The way of operators' requests to a process that runs: one at a time, as the control socket hands them over.
final class Requests {
    private let port: ControlPort
    /// Of the request that is under way: told whether the log has it.
    private var answered: ((_ isCommitted: Bool) -> Void)?

    init(_ dispatcher: Dispatcher) { port = dispatcher.control }

    /// Nothing is under way.
    var isFree: Bool { answered == nil }

    /// Hands a change over; false when the dispatcher has ended. Only while nothing is under way.
    func offer(_ change: ControlChange, answered: @escaping (_ isCommitted: Bool) -> Void) -> Bool {
        precondition(isFree, "a request is under way")
        guard port.offer(change) else { return false }
        self.answered = answered
        return true
    }

    /// Takes the answer to the last request, if it is there.
    func hear() -> Bool {
        guard let answered, let isCommitted = port.answer() else { return false }
        self.answered = nil
        answered(isCommitted)
        return true
    }
}
