extension Ledger {
    /// What is known of all pending deliveries that failed before.
    package var failedDeliveries: [DeliveryID: FailedDelivery] { failures.deliveries }
}
