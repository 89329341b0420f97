import CPatchbaySystem
import PatchbayEvents

/// The transforms of routes, and the events that they made for open calls.
final class CallTransforms: Sendable {
    private let ofRoute: [(any DeliveryTransform)?]
    private let capacity: Int
    // Invariant: written by `init` only. An entry belongs to the worker that runs the call until the call is posted,
    // then to the dispatcher until the call is armed again.
    private nonisolated(unsafe) let made: UnsafeMutablePointer<Made?>

    /// An event that one call's handler reads, and who takes it back.
    private final class Made {
        let batch: EventBatch
        let transform: any DeliveryTransform
        init(_ batch: EventBatch, _ transform: any DeliveryTransform) {
            self.batch = batch
            self.transform = transform
        }
    }

    /// By route; `nil` when there is none at all. `capacity` is the call table's.
    init?(_ ofRoute: [(any DeliveryTransform)?], capacity: Int) {
        guard ofRoute.contains(where: { $0 != nil }) else { return nil }
        self.ofRoute = ofRoute
        self.capacity = capacity
        let bytes = UInt64(capacity * MemoryLayout<Made?>.stride)
        guard let raw = pbs_reserve(bytes) else { preconditionFailure("no address space for \(bytes) bytes") }
        // Zeroed memory is `nil` for every entry.
        made = raw.bindMemory(to: Made?.self, capacity: capacity)
    }

    deinit {
        made.deinitialize(count: capacity)
        pbs_release(made, UInt64(capacity * MemoryLayout<Made?>.stride))
    }

    /// The event that the call's handler gets instead of its own; `nil` when its route has no transform. [worker]
    func apply(to info: CallInfo, call index: Int) throws(DeliveryTransformError) -> BatchView? {
        guard let transform = ofRoute[Int(info.route)] else { return nil }
        let batch = try transform.apply(to: info.view.pointee, event: Int(info.event), lane: Int(info.lane))
        made[index] = Made(batch, transform)
        return BatchView(batch)
    }

    /// The call has ended: nobody reads its event any more. [dispatcher]
    func release(_ index: Int) {
        guard let ended = made[index] else { return }
        made[index] = nil
        ended.transform.release(ended.batch)
    }
}
