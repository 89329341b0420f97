/// Makes of an event what the handlers of one route get instead of it. The event itself stays as it is.
package protocol DeliveryTransform: AnyObject, Sendable {
    /// The event for the handler of a lane, alone in a batch that is to be given back with `release`.
    ///
    /// - Throws: why there is none; the delivery is then given up. [worker threads, several at once]
    func apply(to view: BatchView, event: Int, lane: Int) throws(DeliveryTransformError) -> EventBatch

    /// Takes a batch of `apply` back once its call has ended. [any thread]
    func release(_ batch: EventBatch)
}

/// Why a delivery's event could not be transformed.
package struct DeliveryTransformError: Error, Sendable {
    /// Names the step.
    package let reason: String
    package init(reason: String) { self.reason = reason }
}
