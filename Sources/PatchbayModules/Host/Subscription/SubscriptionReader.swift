import CPatchbay
import Logging
import PatchbayEvents
import PatchbayLog
import Synchronization

/// Reads what subscriptions have to read, on a thread of its own from the first order on: an order at a time, in turns.
///
/// What cannot be read is tried again every second, without holding up other streams. At most one order for each
/// subscription waits here.
final class SubscriptionReader: Sendable {
    private struct State {
        var orders: [Subscriptions.Order] = []
        var isStarted = false
        var isEnding = false
    }

    private let streams: StreamStore
    private let typeMatcher: @Sendable (String) -> (@Sendable (String) -> Bool)?
    private let answer: @Sendable (Subscriptions.Page) -> Void
    private let logger: Logger
    let hasThread: Bool
    private let state = Mutex(State())
    private let thread = Mutex<OwnThread?>(nil)
    private let bell = Doorbell()
    /// Orders of the last round that failed.
    private let failures = Atomic<Int>(0)

    /// Bytes of events of one page, about: one event more is possible.
    private static let pageBytes = 1 << 20
    private static let retryInterval: UInt64 = 1_000_000_000

    /// - Parameters:
    ///   - hasThread: without one, whoever adds orders calls `readAll`.
    ///   - answer: told of each page, on the thread that reads.
    init(
        _ streams: StreamStore, typeMatcher: @escaping @Sendable (String) -> (@Sendable (String) -> Bool)?,
        hasThread: Bool, logger: Logger, answer: @escaping @Sendable (Subscriptions.Page) -> Void
    ) {
        self.streams = streams
        self.typeMatcher = typeMatcher
        self.hasThread = hasThread
        self.logger = logger
        self.answer = answer
    }

    /// What was to be read last could not be.
    var isFailing: Bool { failures.load(ordering: .relaxed) > 0 }
    var isIdle: Bool { state.withLock { $0.orders.isEmpty } }

    /// [dispatcher]
    func add(_ orders: [Subscriptions.Order]) {
        let isFirst = state.withLock { state in
            state.orders += orders
            defer { state.isStarted = true }
            return !state.isStarted
        }
        guard hasThread else { return }
        guard isFirst else { return bell.ring() }
        do {
            let started = try OwnThread("pb-streams") { self.run() }
            thread.withLock { $0 = started }
        } catch {
            logger.error("subscriptions are read by the dispatcher, which they hold up: \(error)")
            readAll()
            state.withLock { $0.isStarted = false }
        }
    }

    /// Ends the thread. What is read then is dropped. [any thread]
    func end() {
        state.withLock { $0.isEnding = true }
        bell.ring()
        thread.withLock { $0.take() }?.join()
    }

    private func run() {
        while true {
            bell.wait(timeout: 0) { state.withLock { !$0.orders.isEmpty || $0.isEnding } }
            if state.withLock({ $0.isEnding }) { return }
            readAll()
            guard isFailing else { continue }
            bell.wait(spins: 0, timeout: Self.retryInterval) { state.withLock { $0.isEnding } }
        }
    }

    /// Reads what was ordered so far; what cannot be read waits for the next time.
    func readAll() {
        var failed = 0
        for order in state.withLock({ $0.orders }) {
            if state.withLock({ $0.isEnding }) { return }
            do throws(LogError) {
                let page = try page(order)
                state.withLock { $0.orders.removeAll { $0.key == order.key && $0.number == order.number } }
                answer(page)
            } catch {
                failed += 1
                guard !isFailing else { continue }
                logger.error(
                    "a subscription cannot read its stream, and is tried again",
                    metadata: [
                        "handler": "\(order.key.scope.name)", "subscription": "\(order.key.name)",
                        "stream": "\(order.wish.stream)", "error": "\(error)",
                    ])
            }
        }
        failures.store(failed, ordering: .relaxed)
    }

    private func page(_ order: Subscriptions.Order) throws(LogError) -> Subscriptions.Page {
        let wish = order.wish
        let found = try streams.read(
            wish.stream, StreamSelection(.forward, from: wish.from), count: Subscriptions.unsettledMax,
            bytesMax: Self.pageBytes)
        // It was taken as a pattern when it was subscribed; all are taken by what is none any more.
        let takesType = wish.type.isEmpty ? nil : typeMatcher(wish.type)
        let codec = CloudEventsCodec.ofStored()
        // What was there when it was ordered and is not any more is truncated, or its stream deleted.
        var page = Subscriptions.Page(order: order, next: found.last.map { $0.revision + 1 } ?? order.end)
        for place in found {
            var event = StreamService.decoded(place, codec)
            guard takesType.map({ $0(event.type) }) ?? true,
                wish.correlation.isEmpty || event["correlationid"] == wish.correlation
            else { continue }
            let told = [
                (PATCHBAY_STREAM_NAME_ATTRIBUTE, wish.stream),
                (PATCHBAY_STREAM_REVISION_ATTRIBUTE, String(place.revision)),
                (PATCHBAY_SUBSCRIPTION_ATTRIBUTE, order.key.name),
            ]
            event.extensions.removeAll { attribute in told.contains { $0.0 == attribute.name } }
            event.extensions += told.map { Event.Extension($0.0, $0.1) }
            page.events.append((place.revision, event))
        }
        return page
    }
}
