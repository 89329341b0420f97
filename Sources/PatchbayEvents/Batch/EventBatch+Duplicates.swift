/// Taking out what came before.
extension EventBatch {
    /// Removes the deliveries that these marks stand for, and the events that are left without any. Before it is in
    /// the log.
    ///
    /// - Returns: how many events went.
    package func remove(_ duplicates: [DeduplicationMark]) -> Int {
        guard !duplicates.isEmpty else { return 0 }
        let removed = Set(duplicates.map { Self.place($0.event, $0.route) })
        var hasDeliveries = [Bool](repeating: false, count: count)
        var kept: UInt32 = 0
        runs = runs.compactMap { run in
            let lower = kept
            for index in run.lower..<run.upper {
                let delivery = deliveries[Int(index)]
                guard !removed.contains(Self.place(delivery.event, delivery.route)) else { continue }
                hasDeliveries[Int(delivery.event)] = true
                deliveries[Int(kept)] = delivery
                kept += 1
            }
            return kept > lower ? LaneRun(lane: run.lane, lower: lower, upper: kept) : nil
        }
        deliveryCount = Int(kept)
        var gone = [Bool](repeating: false, count: count)
        for mark in duplicates where !hasDeliveries[Int(mark.event)] { gone[Int(mark.event)] = true }
        return removeEvents { gone[$0] }
    }

    private static func place(_ event: UInt32, _ route: UInt16) -> UInt64 { UInt64(event) << 16 | UInt64(route) }

    /// Moves what stays together. The events that go have no deliveries.
    private func removeEvents(where isGone: (Int) -> Bool) -> Int {
        var places = [UInt32](repeating: 0, count: count)
        var kept = 0
        for index in 0..<count where !isGone(index) {
            if kept != index {
                events[kept] = events[index]
                traces[kept] = traces[index]
            }
            places[index] = UInt32(kept)
            kept += 1
        }
        let before = count
        count = kept
        guard kept < before else { return 0 }
        for index in 0..<deliveryCount { deliveries[index].event = places[Int(deliveries[index].event)] }
        unmatched = unmatched.map { places[Int($0)] }
        return before - kept
    }
}
