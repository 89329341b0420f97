import PatchbayEvents
import PatchbayRouting

/// A route's transform at work: reads events out of their batches and state out of the host's store.
final class RouteTransform: DeliveryTransform {
    /// The value that a lane's handler has stored under a key.
    typealias State = @Sendable (_ lane: Int, _ key: String) -> [UInt8]?

    private let transform: Transform
    private let state: State

    init(_ transform: Transform, state: @escaping State) {
        self.transform = transform
        self.state = state
    }

    func apply(to view: BatchView, event: Int, lane: Int) throws(DeliveryTransformError) -> EventBatch {
        do {
            return try transform.apply(to: view.json(of: event, adding: [])) { state(lane, $0) }
        } catch {
            throw DeliveryTransformError(reason: error.description)
        }
    }

    func release(_ batch: EventBatch) { transform.recycle(batch) }
}
