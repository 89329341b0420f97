/// What is known of pending deliveries that failed before.
struct FailureTable: Sendable {
    private(set) var deliveries: [DeliveryID: FailedDelivery] = [:]
    /// How many of them a handler has, by its number: plain outcomes ask here first.
    private var counts: ContiguousArray<Int> = []
    private var texts = RecentTexts()

    subscript(delivery: DeliveryID) -> FailedDelivery? { deliveries[delivery] }

    /// Takes a failed attempt in that does not end the delivery.
    mutating func add(_ record: FailureRecord) {
        let attempt = FailedAttempt(
            number: record.attempts, code: record.code, endedAt: record.endedAt, duration: record.duration,
            failureClass: texts.shared(record.failureClass), reason: texts.shared(record.reason))
        var known = deliveries.removeValue(forKey: record.delivery) ?? FailedDelivery()
        if known.attempts == 0 { count(record.delivery.handler) }
        known.attempts = record.attempts
        known.isHalted = record.verdict == .halts
        known.due = record.due
        known.firstStart = record.firstStart
        known.previousDelay = record.previousDelay
        known.add(attempt)
        deliveries[record.delivery] = known
    }

    /// Puts back what a checkpoint kept; false when the delivery has something already, or no attempts.
    mutating func restore(_ delivery: DeliveryID, _ known: FailedDelivery) -> Bool {
        guard known.attempts > 0, deliveries[delivery] == nil else { return false }
        count(delivery.handler)
        deliveries[delivery] = known
        return true
    }

    /// Forgets a delivery that ends.
    @inline(__always) mutating func remove(_ delivery: DeliveryID) {
        let handler = Int(delivery.handler)
        guard handler < counts.count, counts[handler] > 0 else { return }
        if deliveries.removeValue(forKey: delivery) != nil { counts[handler] -= 1 }
    }

    var memoryBytes: Int {
        deliveries.capacity * (MemoryLayout<(DeliveryID, FailedDelivery)>.stride + 1)
            + deliveries.values.reduce(0) { $0 + $1.history.capacity * MemoryLayout<FailedAttempt>.stride }
    }

    private mutating func count(_ handler: UInt16) {
        if Int(handler) >= counts.count {
            counts.append(contentsOf: repeatElement(0, count: Int(handler) + 1 - counts.count))
        }
        counts[Int(handler)] += 1
    }
}

/// Texts that were seen lately: in an outage deliveries fail for the same few reasons, and share one copy.
private struct RecentTexts: Sendable {
    private var texts = [String](repeating: "", count: 64)

    /// The text, or the equal one that was seen before.
    mutating func shared(_ text: String) -> String {
        // Short ones need no memory of their own.
        guard text.utf8.count > 15 else { return text }
        let index = Int(text.utf8.reduce(5381 as UInt32) { $0 &* 33 ^ UInt32($1) } % 64)
        if texts[index] != text { texts[index] = text }
        return texts[index]
    }
}
