import CPatchbay
import PatchbayEvents
import PatchbayLog

/// The subscriptions of handlers and how far each has come: a value without clock, lock or I/O.
///
/// What is to be read goes out as orders and comes back as pages; what is taken counts as delivered. A subscription has
/// one order under way or one page that is not taken, and so many unsettled events, at most.
struct Subscriptions {
    struct Key: Hashable, Sendable {
        let scope: HandlerScope
        let name: String

        /// Of its deliveries' ordering key, the same in every run; never 0.
        var hash: UInt64 {
            max(1, StableHash.number(Array("patchbay.subscription/1\u{0}\(scope.name)\u{0}\(name)".utf8)))
        }
    }

    /// Something to read: events of a stream from a revision on.
    struct Order: Sendable {
        let key: Key
        /// Tells a subscription from an earlier one of its name.
        let number: UInt64
        let wish: StreamWish
        /// The revision behind the stream's last event, when this was ordered.
        let end: UInt64
    }

    /// What was read.
    struct Page: Sendable {
        let order: Order
        var events: [(revision: UInt64, event: Event)] = []
        /// Where the next page begins.
        var next: UInt64
    }

    struct Taken {
        let key: Key
        let hash: UInt64
        let event: Event
    }

    private struct Subscription {
        let hash: UInt64
        var number: UInt64
        /// Its `from` is the revision that comes next, as the log has it.
        var wish: StreamWish
        /// Where reading goes on.
        var scanned: UInt64
        /// Read and not taken.
        var ready: ArraySlice<(revision: UInt64, event: Event)> = []
    }

    /// Events of one subscription that are delivered and not settled.
    static let unsettledMax = 256
    /// So many events that a subscription does not want are passed over without a record.
    private static let passedMax: UInt64 = 10_000

    private var table: [Key: Subscription] = [:]
    /// In the order in which they are looked at.
    private var order: [Key] = []
    private var reading: Set<Key> = []
    /// By hash.
    private var unsettled: [UInt64: Int] = [:]
    private var number: UInt64 = 0

    var count: Int { table.count }

    func contains(_ key: Key) -> Bool { table[key] != nil }

    /// How they stand, in the order in which they were made.
    var records: [SubscriptionRecord] { order.compactMap(record) }

    private func record(_ key: Key) -> SubscriptionRecord? {
        table[key].map { SubscriptionRecord(scope: key.scope.name, name: key.name, wish: $0.wish) }
    }

    // MARK: Changes

    /// As the log has it.
    mutating func restore(_ record: SubscriptionRecord) {
        let key = Key(scope: HandlerScope(name: record.scope), name: record.name)
        if let wish = record.wish { put(key, wish) } else { remove(key) }
    }

    /// Does what a handler wants; what the log has to say of it, `nil` when it is so already.
    ///
    /// - Parameter end: the revision behind a stream's last event.
    mutating func apply(
        _ change: SubscriptionChange, of scope: HandlerScope, end: (String) -> UInt64
    ) -> SubscriptionRecord? {
        switch change {
        case .unsubscribe(let name):
            let key = Key(scope: scope, name: name)
            guard table[key] != nil else { return nil }
            remove(key)
            return SubscriptionRecord(scope: scope.name, name: name, wish: nil)
        case .subscribe(let name, var wish):
            let key = Key(scope: scope, name: name)
            if let known = table[key]?.wish, known.stream == wish.stream {
                wish.from = known.from
                guard known != wish else { return nil }
            } else if wish.from == StreamWish.fromEnd {
                wish.from = end(wish.stream)
            }
            put(key, wish)
            return record(key)
        }
    }

    private mutating func put(_ key: Key, _ wish: StreamWish) {
        number += 1
        if table[key] == nil { order.append(key) }
        table[key] = Subscription(hash: key.hash, number: number, wish: wish, scanned: wish.from)
    }

    private mutating func remove(_ key: Key) {
        guard table.removeValue(forKey: key) != nil else { return }
        order.removeAll { $0 == key }
    }

    // MARK: Reading and delivering

    /// What is to be read now; counts as under way.
    mutating func orders(isOpen: (HandlerScope) -> Bool, end: (String) -> UInt64) -> [Order] {
        var orders: [Order] = []
        for key in order where mayRead(key, isOpen) {
            guard let subscription = table[key] else { continue }
            let end = end(subscription.wish.stream)
            guard subscription.scanned < end else { continue }
            var wish = subscription.wish
            wish.from = subscription.scanned
            orders.append(Order(key: key, number: subscription.number, wish: wish, end: end))
            reading.insert(key)
        }
        return orders
    }

    private func mayRead(_ key: Key, _ isOpen: (HandlerScope) -> Bool) -> Bool {
        guard let subscription = table[key], subscription.ready.isEmpty, !reading.contains(key) else { return false }
        return unsettled[subscription.hash, default: 0] < Self.unsettledMax && isOpen(key.scope)
    }

    /// An order is done. What nobody waits for any more is dropped.
    mutating func answer(_ page: Page) {
        let key = page.order.key
        reading.remove(key)
        guard var subscription = table[key], subscription.number == page.order.number else { return }
        subscription.ready = page.events[...]
        subscription.scanned = page.next
        table[key] = subscription
    }

    /// Takes what may be delivered now, and how the subscriptions stand that it moves.
    mutating func take(isOpen: (HandlerScope) -> Bool) -> (events: [Taken], records: [SubscriptionRecord]) {
        var events: [Taken] = []
        var records: [SubscriptionRecord] = []
        for key in order {
            guard var subscription = table[key], isOpen(key.scope) else { continue }
            let open = unsettled[subscription.hash, default: 0]
            let taken = subscription.ready.prefix(max(0, Self.unsettledMax - open))
            subscription.ready = subscription.ready.dropFirst(taken.count)
            // What is scanned is not below `from`, which a handler chooses up to the largest number.
            let isPassed = subscription.scanned &- subscription.wish.from >= Self.passedMax
            guard !taken.isEmpty || (subscription.ready.isEmpty && isPassed) else { continue }
            events += taken.map { Taken(key: key, hash: subscription.hash, event: $0.event) }
            unsettled[subscription.hash] = open + taken.count
            if subscription.ready.isEmpty {
                subscription.wish.from = subscription.scanned
            } else if let last = taken.last {
                subscription.wish.from = last.revision + 1
            }
            table[key] = subscription
            if let record = record(key) { records.append(record) }
        }
        return (events, records)
    }

    /// An event is delivered that was not taken here: by an earlier run.
    mutating func resumed(_ hash: UInt64) { unsettled[hash, default: 0] += 1 }

    /// An event is settled.
    mutating func ended(_ hash: UInt64) {
        guard let count = unsettled[hash] else { return }
        unsettled[hash] = count > 1 ? count - 1 : nil
    }

    /// Whether something is under way, or may be read or taken, without anybody doing anything.
    func mayGoOn(isOpen: (HandlerScope) -> Bool, end: (String) -> UInt64) -> Bool {
        table.contains { key, subscription in
            guard isOpen(key.scope) else { return false }
            if reading.contains(key) { return true }
            guard unsettled[subscription.hash, default: 0] < Self.unsettledMax else { return false }
            return !subscription.ready.isEmpty || subscription.scanned < end(subscription.wish.stream)
        }
    }
}
