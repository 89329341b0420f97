import PatchbayEvents

/// Who gets events that the routes are not asked about.
enum GivenDeliveries {
    /// One handler gets each event.
    case one(lane: UInt16, route: UInt16, keyHash: UInt64 = 0)
    /// As they are listed, from the event with this number on.
    case listed(DeliveryList, from: Int)

    /// Deliveries, event by event.
    struct DeliveryList {
        private var deliveries: [RoutedDelivery] = []
        private var ends: [Int] = []

        /// Events.
        var count: Int { ends.count }
        var deliveryCount: Int { deliveries.count }

        /// Adds the next event's deliveries; their `event` does not count.
        mutating func add(_ next: some Sequence<RoutedDelivery>) {
            deliveries += next
            ends.append(deliveries.count)
        }

        subscript(event: Int) -> ArraySlice<RoutedDelivery> {
            deliveries[(event == 0 ? 0 : ends[event - 1])..<ends[event]]
        }
    }

    /// At least as many deliveries as the next `events` have.
    func most(of events: Int) -> Int {
        switch self {
        case .one: events
        case .listed(let list, _): list.deliveryCount
        }
    }

    /// Writes the deliveries of a line, counted from the first that is taken in, as those of an event; how many.
    func deliver(line: Int, as event: UInt32, into place: UnsafeMutablePointer<RoutedDelivery>) -> Int {
        switch self {
        case .one(let lane, let route, let keyHash):
            place.pointee = RoutedDelivery(event: event, route: route, lane: lane, keyHash: keyHash, priority: 5)
            return 1
        case .listed(let list, let first):
            let deliveries = list[first + line]
            for (offset, delivery) in deliveries.enumerated() {
                place[offset] = delivery
                place[offset].event = event
            }
            return deliveries.count
        }
    }
}
