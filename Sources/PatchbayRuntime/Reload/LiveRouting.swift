import PatchbayEvents
import PatchbayRouting
import Synchronization

/// What decides who gets an event: changed as a whole while the host runs, taken over by each intake between two batches.
struct Routing: Sendable {
    /// With the same indices of routes and lanes as the run began with.
    var table: RouteTable
    var plan: FieldPlan
    var unmatched: Intake.Setup.Unmatched
    /// The log's number of its configuration; `nil` is the run's first.
    var configuration: UInt16?
}

/// The routing that holds now. [any thread]
final class LiveRouting: Sendable {
    private let counter = Atomic<UInt64>(1)
    private let state: Mutex<(version: UInt64, routing: Routing)>

    init(_ routing: Routing) { state = Mutex((1, routing)) }

    /// Moves with every change: all that an intake looks at.
    var version: UInt64 { counter.load(ordering: .relaxed) }

    var current: (version: UInt64, routing: Routing) { state.withLock { $0 } }

    func change(to routing: Routing) {
        let version = state.withLock { state in
            state = (state.version + 1, routing)
            return state.version
        }
        counter.store(version, ordering: .releasing)
    }
}
