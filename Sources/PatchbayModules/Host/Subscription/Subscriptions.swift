import CPatchbay
import PatchbayEvents
import PatchbayLog

/// The subscriptions of handlers and how far each has come: a value without clock, lock or I/O.
///
/// What is to be read goes out as orders and comes back as pages; what is taken counts as delivered. A subscription has
/// one order under way or one page that is not taken. Only those are looked at of which something may have changed.
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
        /// Events that are wanted at most.
        let count: Int
        /// How often in a row what is ordered could not be read.
        let failures: Int
    }

    /// An event that was read.
    struct Found: Sendable {
        let revision: UInt64
        let event: Event
        let byteCount: Int
    }

    /// What was read.
    struct Page: Sendable {
        let order: Order
        var events: [Found] = []
        /// Where the next page begins.
        var next: UInt64
    }

    /// What became of an order.
    enum Answer: Sendable {
        case page(Page)
        /// It could not be read, and rests.
        case failed(Order)
        /// It has rested.
        case rested(Order)
        /// Nobody waits for it any more.
        case dropped
    }

    struct Taken {
        let key: Key
        let hash: UInt64
        let event: Event
    }

    private enum Stage { case idle, hungry, reading, resting }

    private struct Subscription {
        let hash: UInt64
        let number: UInt64
        /// Its `from` is the revision that comes next, as the log has it.
        var wish: StreamWish
        /// Where reading goes on.
        var scanned: UInt64
        /// Read and not taken.
        var ready: ArraySlice<Found> = []
        var stage = Stage.idle
        /// Of its order, in a row.
        var failures = 0
        var isQueued = false
        /// Its stream may have something that was not read.
        var mayHaveMore = true
    }

    /// Events of one subscription that are delivered and not settled.
    static let unsettledMax = 256
    /// Events that are taken at once, and about the bytes that they have: one event more is possible.
    static let takenMax = 256
    static let takenBytesMax = 1 << 20
    /// Bytes of events of one page, about: one event more is possible.
    static let pageBytes = 1 << 20
    /// Bytes that are read and not taken, those that orders under way may bring included.
    static let readyBytesMax = 16 << 20
    /// So many events that a subscription does not want are passed over without a record.
    private static let passedMax: UInt64 = 10_000
    /// A stream that could not be read so often in a row is not waited for by a run that ends by itself.
    static let failuresMax = 5

    private var table: [Key: Subscription] = [:]
    /// In the order in which they were made.
    private var order: [Key] = []
    private var followers: [String: Set<Key>] = [:]
    private var byHash: [UInt64: Key] = [:]
    /// To be looked at, and such as only wait until there is room for what is read.
    private var queue = Turns()
    private var hungry = Turns()
    private var resting: [Key: Int] = [:]
    private var underWay = 0
    private var readyBytes = 0
    /// By hash.
    private var unsettled: [UInt64: Int] = [:]
    private var number: UInt64 = 0
    private let unsettledMax: Int

    /// `unsettledMax` is another bound for simulations, which would not reach the usual one.
    init(unsettledMax: Int = Self.unsettledMax) { self.unsettledMax = unsettledMax }

    /// More is read when no more are unsettled than so: what is read is taken without waiting for a handler.
    private var readsBelow: Int { unsettledMax / 2 }

    var count: Int { table.count }

    func contains(_ key: Key) -> Bool { table[key] != nil }

    /// Whether what is ordered is still waited for.
    func waits(for order: Order) -> Bool { table[order.key]?.number == order.number }

    /// How they stand, in the order in which they were made.
    var records: [SubscriptionRecord] { order.compactMap(record) }

    private func record(_ key: Key) -> SubscriptionRecord? {
        table[key].map { SubscriptionRecord(scope: key.scope.name, name: key.name, wish: $0.wish) }
    }

    /// How many events of a subscription are delivered and not settled.
    func unsettled(_ key: Key) -> Int { unsettled[key.hash, default: 0] }

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

    /// In the place of one of its name. What was ordered or read for that is forgotten.
    private mutating func put(_ key: Key, _ wish: StreamWish) {
        number += 1
        let isQueued = table[key]?.isQueued ?? false
        if table[key] == nil { order.append(key) } else { forget(key) }
        var subscription = Subscription(hash: key.hash, number: number, wish: wish, scanned: wish.from)
        subscription.isQueued = isQueued
        table[key] = subscription
        byHash[subscription.hash] = key
        followers[wish.stream, default: []].insert(key)
        look(at: key)
    }

    private mutating func remove(_ key: Key) {
        guard let subscription = table[key] else { return }
        forget(key)
        byHash[subscription.hash] = nil
        table[key] = nil
        order.removeAll { $0 == key }
    }

    private mutating func forget(_ key: Key) {
        guard let subscription = table[key] else { return }
        readyBytes -= subscription.ready.reduce(0) { $0 + $1.byteCount }
        resting[key] = nil
        followers[subscription.wish.stream]?.remove(key)
        if followers[subscription.wish.stream]?.isEmpty == true { followers[subscription.wish.stream] = nil }
    }

    /// A stream was changed; whether anybody follows it.
    mutating func changed(stream: String) -> Bool {
        guard let keys = followers[stream] else { return false }
        for key in keys {
            table[key]?.mayHaveMore = true
            look(at: key)
        }
        return true
    }

    /// A handler has opened.
    mutating func opened() { for key in order { look(at: key) } }

    // MARK: Reading and delivering

    /// Puts a subscription that may have something to take or to read behind, or before, those that are to be looked at.
    private mutating func look(at key: Key, first: Bool = false) {
        guard let subscription = table[key], !subscription.isQueued, subscription.stage == .idle else { return }
        let mayTake = unsettled[subscription.hash, default: 0] < unsettledMax
        guard subscription.ready.isEmpty ? mayRead(subscription) : mayTake else { return }
        table[key]?.isQueued = true
        if first { queue.prepend(key) } else { queue.append(key) }
    }

    private func mayRead(_ subscription: Subscription) -> Bool {
        subscription.mayHaveMore && unsettled[subscription.hash, default: 0] <= readsBelow
    }

    /// What became of orders.
    mutating func take(_ answer: Answer) {
        switch answer {
        case .page(let page):
            underWay -= 1
            guard waits(for: page.order) else { return }
            let key = page.order.key
            table[key]?.stage = .idle
            table[key]?.failures = 0
            table[key]?.ready = page.events[...]
            table[key]?.scanned = page.next
            table[key]?.isQueued = true
            readyBytes += page.events.reduce(0) { $0 + $1.byteCount }
            // Also without anything ready: what is passed over may have to be recorded.
            queue.append(key)
        case .failed(let order):
            underWay -= 1
            guard waits(for: order) else { return }
            table[order.key]?.stage = .resting
            table[order.key]?.failures = order.failures + 1
            resting[order.key] = order.failures + 1
        case .rested(let order):
            guard waits(for: order) else { return }
            table[order.key]?.stage = .idle
            resting[order.key] = nil
            look(at: order.key)
        case .dropped: underWay -= 1
        }
    }

    /// Takes what may be delivered now, how the subscriptions stand that it moves, and what is to be read now. Who gets
    /// nothing because others got enough is the first the next time.
    mutating func take(
        isOpen: (HandlerScope) -> Bool, end: (String) -> UInt64
    ) -> (events: [Taken], records: [SubscriptionRecord], orders: [Order]) {
        var events: [Taken] = []
        var records: [SubscriptionRecord] = []
        var orders: [Order] = []
        var room = (events: Self.takenMax, bytes: Self.takenBytesMax)
        while room.events > 0, room.bytes > 0, let key = queue.popFirst() {
            guard table[key]?.isQueued == true else { continue }
            table[key]?.isQueued = false
            // It is looked at again when its handler opens.
            guard isOpen(key.scope) else { continue }
            if deliver(key, &events, &room), let record = record(key) { records.append(record) }
            guard let subscription = table[key] else { continue }
            if !subscription.ready.isEmpty {
                // A page is taken to its end before anybody else's, so each gets a page a round.
                look(at: key, first: true)
            } else if subscription.stage == .idle, mayRead(subscription) {
                table[key]?.stage = .hungry
                hungry.append(key)
            }
        }
        while hasRoomToRead, let key = hungry.popFirst() {
            if let order = order(key, end) { orders.append(order) }
        }
        return (events, records, orders)
    }

    /// Takes what is ready, as far as there is room; whether that moves the subscription's place.
    private mutating func deliver(_ key: Key, _ events: inout [Taken], _ room: inout (events: Int, bytes: Int)) -> Bool
    {
        guard var subscription = table[key] else { return false }
        let open = unsettled[subscription.hash, default: 0]
        var count = 0
        var last = subscription.wish.from
        while room.events > 0, room.bytes > 0, open + count < unsettledMax,
            let found = subscription.ready.popFirst()
        {
            events.append(Taken(key: key, hash: subscription.hash, event: found.event))
            last = found.revision + 1
            count += 1
            room.events -= 1
            room.bytes -= found.byteCount
            readyBytes -= found.byteCount
        }
        // What is scanned is not below `from`, which a handler chooses up to the largest number.
        let isPassed = subscription.scanned &- subscription.wish.from >= Self.passedMax
        guard count > 0 || (subscription.ready.isEmpty && isPassed) else { return false }
        if count > 0 { unsettled[subscription.hash] = open + count }
        subscription.wish.from = subscription.ready.isEmpty ? subscription.scanned : last
        table[key] = subscription
        return true
    }

    private var hasRoomToRead: Bool { readyBytes + (underWay + 1) * Self.pageBytes <= Self.readyBytesMax }

    /// What is to be read of a subscription now; counts as under way.
    private mutating func order(_ key: Key, _ end: (String) -> UInt64) -> Order? {
        guard let subscription = table[key], subscription.stage == .hungry else { return nil }
        table[key]?.stage = .idle
        let end = end(subscription.wish.stream)
        guard subscription.scanned < end else {
            table[key]?.mayHaveMore = false
            return nil
        }
        var wish = subscription.wish
        wish.from = subscription.scanned
        table[key]?.stage = .reading
        underWay += 1
        return Order(
            key: key, number: subscription.number, wish: wish, end: end,
            count: unsettledMax - unsettled[subscription.hash, default: 0], failures: subscription.failures)
    }

    /// An event is delivered that was not taken here: by an earlier run.
    mutating func resumed(_ hash: UInt64) { unsettled[hash, default: 0] += 1 }

    /// An event is settled.
    mutating func ended(_ hash: UInt64) {
        guard let count = unsettled[hash] else { return }
        unsettled[hash] = count > 1 ? count - 1 : nil
        if let key = byHash[hash] { look(at: key) }
    }

    /// There is something to look at.
    var hasWork: Bool { !queue.isEmpty }

    /// Whether something is under way, or may be read or taken, without anybody doing anything. What the disk does not
    /// give for long does not count.
    var mayGoOn: Bool {
        !queue.isEmpty || !hungry.isEmpty || underWay > 0 || resting.values.contains { $0 < Self.failuresMax }
    }
}

/// Who is to be looked at, in turns.
private struct Turns {
    private var keys: [Subscriptions.Key] = []
    private var head = 0

    var isEmpty: Bool { head == keys.count }

    mutating func append(_ key: Subscriptions.Key) { keys.append(key) }

    mutating func prepend(_ key: Subscriptions.Key) {
        guard head > 0 else { return keys.insert(key, at: 0) }
        head -= 1
        keys[head] = key
    }

    mutating func popFirst() -> Subscriptions.Key? {
        guard head < keys.count else { return nil }
        defer {
            head += 1
            if head == keys.count || head > 1024 {
                keys.removeFirst(head)
                head = 0
            }
        }
        return keys[head]
    }
}
