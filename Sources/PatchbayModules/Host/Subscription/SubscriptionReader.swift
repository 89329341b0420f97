import CPatchbay
import CPatchbaySystem
import Logging
import PatchbayEvents
import PatchbayLog
import Synchronization

/// Reads what subscriptions have to read, on a thread of its own: an order at a time, in turns.
///
/// An order that cannot be read rests for a while that doubles, and comes back as rested: it holds up no other stream,
/// and nothing is read for it that has no room by then. At most one order for each subscription waits or rests here.
final class SubscriptionReader: Sendable {
    private struct State {
        var orders: [Subscriptions.Order] = []
        /// With the monotonic time at which they have rested.
        var resting: [(order: Subscriptions.Order, until: UInt64)] = []
        var isEnding = false
    }

    private let streams: StreamStore
    private let typeMatcher: @Sendable (String) -> (@Sendable (String) -> Bool)?
    private let isWanted: @Sendable (Subscriptions.Order) -> Bool
    private let answer: @Sendable (Subscriptions.Answer) -> Void
    private let logger: Logger
    private let state = Mutex(State())
    private let thread = Mutex<OwnThread?>(nil)
    private let bell = Doorbell()

    /// Nanoseconds that an order rests after its first failure, and after many.
    private static let restMin: UInt64 = 100_000_000
    private static let restMax: UInt64 = 30_000_000_000

    /// - Parameters:
    ///   - isWanted: whether anybody waits for an order still.
    ///   - answer: told what became of each order. Both are called on the thread that reads.
    init(
        _ streams: StreamStore, typeMatcher: @escaping @Sendable (String) -> (@Sendable (String) -> Bool)?,
        logger: Logger, isWanted: @escaping @Sendable (Subscriptions.Order) -> Bool,
        answer: @escaping @Sendable (Subscriptions.Answer) -> Void
    ) {
        self.streams = streams
        self.typeMatcher = typeMatcher
        self.isWanted = isWanted
        self.logger = logger
        self.answer = answer
    }

    func start() throws(ThreadError) {
        let started = try OwnThread("pb-streams") { self.run() }
        thread.withLock { $0 = started }
    }

    /// [dispatcher]
    func add(_ orders: [Subscriptions.Order]) {
        state.withLock { $0.orders += orders }
        bell.ring()
    }

    /// Ends the thread. What is read then is dropped. [any thread]
    func end() {
        state.withLock { $0.isEnding = true }
        bell.ring()
        thread.withLock { $0.take() }?.join()
    }

    private func run() {
        while true {
            let due = due
            let now = pbs_now()
            let timeout = due.map { $0 > now ? $0 - now : 1 } ?? 0
            bell.wait(timeout: timeout) { state.withLock { !$0.orders.isEmpty || $0.isEnding } }
            while read(now: pbs_now()) {}
            if state.withLock({ $0.isEnding }) { return }
        }
    }

    /// When an order that failed is tried again, in monotonic nanoseconds; `nil`: none rests.
    var due: UInt64? { state.withLock { $0.resting.map(\.until).min() } }

    /// Reads what was ordered first, and gives back what has rested by `now`; false when there is nothing to do.
    func read(now: UInt64) -> Bool {
        let (order, rested) = state.withLock { state in
            guard !state.isEnding else { return (Subscriptions.Order?.none, [Subscriptions.Order]()) }
            let rested = state.resting.filter { $0.until <= now }.map(\.order)
            if !rested.isEmpty { state.resting.removeAll { $0.until <= now } }
            return (state.orders.isEmpty ? nil : state.orders.removeFirst(), rested)
        }
        for order in rested { answer(.rested(order)) }
        guard let order else { return !rested.isEmpty }
        guard isWanted(order) else {
            answer(.dropped)
            return true
        }
        do throws(LogError) {
            let page = try page(order)
            if order.failures > 0 {
                logger.notice(
                    "a subscription can read its stream again after \(order.failures) attempts", metadata: facts(order))
            }
            answer(.page(page))
        } catch {
            if order.failures == 0 {
                logger.error(
                    "a subscription cannot read its stream, and is tried again: \(error)", metadata: facts(order))
            }
            let rest = min(Self.restMin << UInt64(min(order.failures, 16)), Self.restMax)
            state.withLock { $0.resting.append((order, now.addingReportingOverflow(rest).partialValue)) }
            answer(.failed(order))
        }
        return true
    }

    private func facts(_ order: Subscriptions.Order) -> Logger.Metadata {
        [
            "handler": "\(order.key.scope.name)", "subscription": "\(order.key.name)",
            "stream": "\(order.wish.stream)", "from": "\(order.wish.from)",
        ]
    }

    private func page(_ order: Subscriptions.Order) throws(LogError) -> Subscriptions.Page {
        let wish = order.wish
        let found = try streams.read(
            wish.stream, StreamSelection(.forward, from: wish.from), count: Subscriptions.unsettledMax,
            bytesMax: Subscriptions.pageBytes)
        // It was taken as a pattern when it was subscribed; all are taken by what is none any more.
        let takesType = wish.type.isEmpty ? nil : typeMatcher(wish.type)
        let codec = CloudEventsCodec.ofStored()
        // What was there when it was ordered and is not any more is truncated, or its stream deleted.
        var page = Subscriptions.Page(order: order, next: found.last.map { $0.revision + 1 } ?? order.end)
        for place in found {
            guard page.events.count < order.count else {
                page.next = place.revision
                break
            }
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
            page.events.append(
                Subscriptions.Found(revision: place.revision, event: event, byteCount: place.line.count))
        }
        return page
    }
}
