package import Logging
package import PatchbayEvents
package import PatchbayLog
import Synchronization

/// The subscriptions of a running host. Changes, taking and settling are the dispatcher's; questions any thread's.
///
/// What handlers subscribed to while they were created waits for the dispatcher: when it takes for the first time, the
/// subscriptions that the log has are in place.
package final class SubscriptionStore: Sendable {
    /// An event for a handler that has subscribed to it.
    package struct Delivery: Sendable {
        package let scope: HandlerScope
        /// The subscription's, which keeps its events in order.
        package let keyHash: UInt64
        package let event: Event
    }

    private struct Contents {
        var subscriptions: Subscriptions
        var declared: [(scope: HandlerScope, change: SubscriptionChange)] = []
        /// What became of orders.
        var answers: [Subscriptions.Answer] = []
        var streams: StreamStore?
        var reader: SubscriptionReader?
        var logger: Logger?
        var wake: @Sendable () -> Void = {}
    }

    /// Subscriptions of all handlers. More are there only where the log had more.
    package let countMax: Int
    /// One for each subscription, and for each that an open call wants.
    let room: ByteRoom
    private let contents: Mutex<Contents>
    /// There is or was a subscription: before that nothing costs anything.
    private let isUsed = Atomic<Bool>(false)
    private let isStirred = Atomic<Bool>(false)

    /// - Parameter unsettledMax: events of one subscription that are delivered and not settled; `nil` is the usual bound.
    package init(countMax: Int = 1000, unsettledMax: Int? = nil) {
        self.countMax = countMax
        contents = Mutex(
            Contents(subscriptions: Subscriptions(unsettledMax: unsettledMax ?? Subscriptions.unsettledMax)))
        room = ByteRoom(bytesMax: countMax)
    }

    /// Connects it with streams; from then on it may be taken from.
    ///
    /// - Parameters:
    ///   - typeMatcher: which types a pattern takes.
    ///   - hasThread: false where `read` is called instead: in tests and simulations.
    ///   - wake: called when something was read. [any thread]
    package func open(
        _ streams: StreamStore, typeMatcher: @escaping @Sendable (String) -> (@Sendable (String) -> Bool)?,
        hasThread: Bool = true, logger: Logger, wake: @escaping @Sendable () -> Void = {}
    ) throws(ThreadError) {
        let reader = SubscriptionReader(
            streams, typeMatcher: typeMatcher, logger: logger,
            isWanted: { [weak self] order in
                self?.contents.withLock { $0.subscriptions.waits(for: order) } ?? false
            },
            answer: { [weak self] answer in
                self?.contents.withLock { $0.answers.append(answer) }
                self?.stir()
                wake()
            })
        if hasThread { try reader.start() }
        streams.observe { [weak self] in self?.changed(stream: $0) }
        contents.withLock { contents in
            contents.streams = streams
            contents.reader = reader
            contents.logger = logger
            contents.wake = wake
        }
        stir()
    }

    /// Reads one order in the place of the reader's thread, by the monotonic time; false when none is to be read.
    package func read(now: UInt64) -> Bool { contents.withLock { $0.reader }?.read(now: now) ?? false }

    /// When `read` has something to do again by itself, by the monotonic time; `nil`: never.
    package var readDue: UInt64? { contents.withLock { $0.reader }?.due }

    /// Reads nothing more.
    package func end() { contents.withLock { $0.reader.take() }?.end() }

    private func stir() { isStirred.store(true, ordering: .releasing) }

    private func use() {
        isUsed.store(true, ordering: .releasing)
        stir()
    }

    // MARK: Handlers

    /// What a handler wanted while it was created: comes about before anything that a call wants later. [any thread]
    package func declare(_ changes: [SubscriptionChange], of scope: HandlerScope) {
        let wake = contents.withLock { contents in
            contents.declared += changes.map { (scope, $0) }
            return contents.wake
        }
        use()
        wake()
    }

    /// Of the deliveries of a subscription.
    package static func keyHash(of name: String, _ scope: HandlerScope) -> UInt64 {
        Subscriptions.Key(scope: scope, name: name).hash
    }

    func isSubscribed(_ name: String, of scope: HandlerScope) -> Bool {
        contents.withLock { $0.subscriptions.contains(Subscriptions.Key(scope: scope, name: name)) }
    }

    var isFull: Bool { room.bytes >= countMax }

    // MARK: The log

    /// What the log has. Before anything is taken.
    package func restore(_ record: SubscriptionRecord) {
        contents.withLock { contents in
            let before = contents.subscriptions.count
            contents.subscriptions.restore(record)
            room.settle(contents.subscriptions.count - before)
        }
        use()
    }

    /// How they stand, for a checkpoint.
    package var records: [SubscriptionRecord] { contents.withLock { $0.subscriptions.records } }

    // MARK: The dispatcher

    /// Does what a call wants; how the subscriptions stand then goes to `recording`. [dispatcher]
    package func commit(
        _ changes: [SubscriptionChange], of scope: HandlerScope, recording: (SubscriptionRecord) -> Void
    ) {
        let records = contents.withLock { contents in
            applyDeclared(to: &contents) + changes.compactMap { apply($0, of: scope, to: &contents) }
        }
        for record in records { recording(record) }
        use()
    }

    private func apply(
        _ change: SubscriptionChange, of scope: HandlerScope, to contents: inout Contents
    ) -> SubscriptionRecord? {
        let streams = contents.streams
        let before = contents.subscriptions.count
        defer { room.settle(contents.subscriptions.count - before) }
        return contents.subscriptions.apply(change, of: scope) { streams?[$0]?.next ?? 0 }
    }

    /// In the order in which they were declared. What there is no room for is said, and left out.
    private func applyDeclared(to contents: inout Contents) -> [SubscriptionRecord] {
        guard contents.streams != nil, !contents.declared.isEmpty else { return [] }
        var records: [SubscriptionRecord] = []
        for (scope, change) in contents.declared {
            guard case .subscribe(let name, let wish) = change,
                !contents.subscriptions.contains(Subscriptions.Key(scope: scope, name: name))
            else {
                if let record = apply(change, of: scope, to: &contents) { records.append(record) }
                continue
            }
            guard room.take(1) else {
                contents.logger?.error(
                    "a handler is not subscribed: there are \(countMax) subscriptions; end some with `patchbay stream unsubscribe`",
                    metadata: ["handler": "\(scope.name)", "subscription": "\(name)", "stream": "\(wish.stream)"])
                continue
            }
            if let record = apply(change, of: scope, to: &contents) { records.append(record) }
            room.settle(-1)
        }
        contents.declared.removeAll()
        return records
    }

    /// Ends a subscription for an operator; false when there is none. [dispatcher]
    package func unsubscribe(_ name: String, of scope: HandlerScope, recording: (SubscriptionRecord) -> Void) -> Bool {
        var isFound = false
        commit([.unsubscribe(name: name)], of: scope) { record in
            if record == SubscriptionRecord(scope: scope.name, name: name, wish: nil) { isFound = true }
            recording(record)
        }
        return isFound
    }

    /// Whether `take` may have something. Neither locks nor allocates while nothing happens. [dispatcher]
    package var hasWork: Bool { isUsed.load(ordering: .acquiring) && isStirred.load(ordering: .acquiring) }

    /// [dispatcher]
    private func changed(stream: String) {
        guard isUsed.load(ordering: .relaxed) else { return }
        contents.withLock { contents in
            if contents.subscriptions.changed(stream: stream), contents.subscriptions.hasWork { stir() }
        }
    }

    /// Takes the next events of the handlers that are open, as many as one frame should have, and orders those behind
    /// them; how the subscriptions stand goes to `recording`. [dispatcher]
    package func take(
        isOpen: (HandlerScope) -> Bool, recording: (SubscriptionRecord) -> Void
    ) -> [Delivery] {
        isStirred.store(false, ordering: .releasing)
        let (deliveries, records, orders, reader) = contents.withLock { contents in
            guard let streams = contents.streams else {
                return ([Delivery](), [SubscriptionRecord](), [Subscriptions.Order](), contents.reader)
            }
            let records = applyDeclared(to: &contents)
            for answer in contents.answers { contents.subscriptions.take(answer) }
            contents.answers.removeAll()
            let taken = contents.subscriptions.take(isOpen: isOpen) { streams[$0]?.next ?? 0 }
            let deliveries = taken.events.map {
                Delivery(scope: $0.key.scope, keyHash: $0.hash, event: $0.event)
            }
            if contents.subscriptions.hasWork { stir() }
            return (deliveries, records + taken.records, taken.orders, contents.reader)
        }
        for record in records { recording(record) }
        if !orders.isEmpty { reader?.add(orders) }
        return deliveries
    }

    /// Deliveries have ended. [dispatcher]
    package func ended(_ keyHashes: [UInt64]) {
        contents.withLock { contents in
            for hash in keyHashes { contents.subscriptions.ended(hash) }
            if contents.subscriptions.hasWork { stir() }
        }
    }

    /// Deliveries of an earlier run are pending. [dispatcher]
    package func resumed(_ keyHashes: [UInt64]) {
        contents.withLock { contents in for hash in keyHashes { contents.subscriptions.resumed(hash) } }
    }

    /// A handler has opened. [dispatcher]
    package func opened() {
        contents.withLock { $0.subscriptions.opened() }
        stir()
    }

    /// Whether more comes by itself; what the disk does not give for long does not count. [dispatcher]
    package var mayGoOn: Bool {
        guard isUsed.load(ordering: .acquiring) else { return false }
        return contents.withLock { contents in
            contents.streams != nil
                && (!contents.declared.isEmpty || !contents.answers.isEmpty || contents.subscriptions.mayGoOn)
        }
    }
}
