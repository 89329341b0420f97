package import PatchbayEvents
package import PatchbayLog

/// Takes each event once to the routes that ask for it, within their windows.
///
/// A value: time comes in, and what is admitted goes out to be recorded with the event.
package struct Deduplicator: Sendable {
    /// Keys of a route that are kept at most: 48 to 96 bytes each.
    package static let keysMax = 1 << 20

    /// By route; `nil` takes everything.
    private var windows: [DeduplicationWindow?]
    private var duplicates: [DeduplicationMark] = []

    package init(_ plan: DispatchPlan) {
        windows = plan.routes.map {
            $0.deduplicationWindow > 0
                ? DeduplicationWindow(window: $0.deduplicationWindow, capacity: Self.keysMax) : nil
        }
    }

    /// Removes from a batch the deliveries of events that their routes have had, and the events that are left without
    /// any; `record` gets what is admitted.
    ///
    /// - Returns: how many events went.
    package mutating func admit(
        _ batch: EventBatch, unixNow: UInt64, record: (_ route: Int, DeduplicationKey) -> Void = { _, _ in }
    ) -> Int {
        guard !batch.marks.isEmpty else { return 0 }
        duplicates.removeAll(keepingCapacity: true)
        for mark in batch.marks {
            let key = DeduplicationKey(high: mark.high, low: mark.low)
            switch windows[Int(mark.route)]?.admit(key, now: unixNow) {
            case true: record(Int(mark.route), key)
            case false: duplicates.append(mark)
            default: break
            }
        }
        return batch.remove(duplicates)
    }

    /// Keys that were forgotten before their time because a route had too many.
    package var forgotten: UInt64 { windows.reduce(0) { $0 + ($1?.forgotten ?? 0) } }

    // MARK: Across restarts

    /// The windows of the routes that have one.
    package var kept: [(route: Int, window: DeduplicationWindow)] {
        windows.enumerated().compactMap { route, window in window.map { (route, $0) } }
    }

    /// Takes over a route's window as a checkpoint has it; it keeps the length that is configured now.
    package mutating func restore(_ route: Int, _ bytes: [UInt8]) throws(LogFormatError) {
        guard let window = windows[route]?.window else { return }
        windows[route] = try bytes.withUnsafeBufferPointer { bytes throws(LogFormatError) in
            try DeduplicationWindow(UnsafeRawBufferPointer(bytes), window: window, capacity: Self.keysMax)
        }
    }

    /// Takes in what was admitted before, oldest first.
    package mutating func restore(_ route: Int, _ key: DeduplicationKey, time: UInt64) {
        _ = windows[route]?.admit(key, now: time)
    }
}
