import Synchronization

/// The right to complete a call later, from any thread. Released without being used it asks for another attempt, so that
/// none is forgotten.
public final class Deferred: Sendable {
    /// For logging and services.
    public let call: Call
    private let isOwed = Atomic<Bool>(true)

    init(_ call: Call) { self.call = call }

    deinit { complete(with: .retry("internal: the handler dropped its call")) }

    /// Completes the call. False: it was completed before, or the host has given it up.
    @discardableResult
    public func complete(with outcome: Outcome) -> Bool {
        guard isOwed.exchange(false, ordering: .acquiringAndReleasing) else { return false }
        return call.complete(with: outcome)
    }
}
