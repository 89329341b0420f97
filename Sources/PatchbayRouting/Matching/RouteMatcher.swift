package import PatchbayEvents
import PatchbayExpressions

/// Matches events to routes. Belongs to one thread; each thread that routes has its own.
///
/// Costs no allocation per event, and with many routes little more than with few: those of the event's type are known,
/// and of these those that compare a field for equality are found by its value. A type's
/// first event, and a long or hostile series of new types, cost pattern matching against all routes.
package final class RouteMatcher {
    package let table: RouteTable
    private let compiled: CompiledRoutes
    private let state: UnsafeMutablePointer<State>
    private let counters: UnsafeMutablePointer<RouteCounters>
    /// Per handler: the stamp of the last event that it got.
    private let stamps: UnsafeMutablePointer<UInt64>

    private struct State: ~Copyable {
        var cache: TypeCache
        var stamp: UInt64 = 0
        /// A recent evaluation error of each route.
        var lastErrors: [String?]
        var marks: ContiguousArray<DeduplicationMark> = []
    }

    package init(_ table: RouteTable) {
        self.table = table
        compiled = table.compiled
        state = .allocate(capacity: 1)
        state.initialize(
            to: State(
                cache: TypeCache(seed: table.seed, routes: table.routes.count),
                lastErrors: Array(repeating: nil, count: table.routes.count)))
        counters = .allocate(capacity: max(1, table.routes.count))
        counters.initialize(repeating: RouteCounters(), count: max(1, table.routes.count))
        stamps = .allocate(capacity: table.handlerCount)
        stamps.initialize(repeating: 0, count: table.handlerCount)
    }

    deinit {
        state.deinitialize(count: 1)
        state.deallocate()
        counters.deallocate()
        stamps.deallocate()
    }

    /// Decides who gets one event.
    ///
    /// - Parameters:
    ///   - event: its index in the batch, only copied into the deliveries.
    ///   - slots: its fields, decoded with the table's plan.
    ///   - deliveries: room for `table.deliveriesPerEventMax` more.
    /// - Returns: how many deliveries were written, in the routes' order; 0 when no route matches.
    package func route(event: UInt32, slots: FieldSlots, into deliveries: UnsafeMutablePointer<RoutedDelivery>) -> Int {
        state.pointee.stamp &+= 1
        let stamp = state.pointee.stamp
        let candidates = state.pointee.cache.find(
            slots[compiled.typeSlot].text, slots, table: Unmanaged.passUnretained(table))
        var written = 0
        for candidate in candidates {
            let record = compiled.records[Int(candidate)]
            switch compiled.verdict(of: record, slots) {
            case .yes: break
            case .no: continue
            case .error:
                recordError(record, slots)
                continue
            }
            guard let count = deliver(record, event: event, slots: slots, stamp: stamp, into: deliveries + written)
            else { continue }
            counters[Int(record.route)].matched &+= 1
            written += count
            if record.isFinal { break }
        }
        return written
    }

    /// What happened to a route's events on this thread so far; call it on the matcher's thread.
    package func counters(ofRoute index: Int) -> RouteCounters { counters[index] }

    /// A recent evaluation error of a route, for its status: the first, second, fourth, eighth and so on is kept. Call
    /// it on the matcher's thread.
    package func lastError(ofRoute index: Int) -> String? { state.pointee.lastErrors[index] }

    /// Times the cache of types was full and started over: many kinds of types, or somebody makes them up.
    package var typeCacheResets: UInt64 { state.pointee.cache.resets }

    /// How many deliveries were written; `nil` when the conditions of its choices leave nobody, so that the route does
    /// not take the event.
    private func deliver(
        _ record: RouteRecord, event: UInt32, slots: FieldSlots, stamp: UInt64,
        into deliveries: UnsafeMutablePointer<RoutedDelivery>
    ) -> Int? {
        let key = compiled.hash(key: record.orderingKey, slots, seed: compiled.seed)
        let rateKey = compiled.hash(key: record.rateKey, slots, seed: compiled.seed)
        let chance = record.hasChoice ? compiled.chance(record, slots) : 0
        var written = 0
        var (isTaken, hasFailed) = (false, false)
        for index in Int(record.firstTarget)..<Int(record.firstTarget + record.targetCount) {
            guard
                let chosen = compiled.choice(compiled.targets[index], chance: chance, slots, hasFailed: &hasFailed)
            else { continue }
            isTaken = true
            let choice = compiled.choices[chosen]
            if stamps[Int(choice.handler)] == stamp {
                counters[Int(record.route)].duplicates &+= 1
                continue
            }
            stamps[Int(choice.handler)] = stamp
            deliveries[written] = RoutedDelivery(
                event: event, route: record.route, lane: choice.lane, keyHash: key, rateKeyHash: rateKey,
                priority: record.priority)
            written += 1
        }
        if record.deduplicationKey >= 0, written > 0 { mark(record, event: event, slots: slots) }
        if hasFailed { recordError(record, slots) }
        return isTaken ? written : nil
    }

    /// An event without the key is no duplicate of any.
    private func mark(_ record: RouteRecord, event: UInt32, slots: FieldSlots) {
        let high = compiled.hash(key: record.deduplicationKey, slots, seed: compiled.seed)
        guard high != 0 else { return }
        let low = compiled.hash(key: record.deduplicationKey, slots, seed: compiled.seed.other)
        state.pointee.marks.append(DeduplicationMark(event: event, route: record.route, high: high, low: low))
    }

    /// Hands over the marks of the events that were routed since the last time, and takes `marks`' room for the next.
    package func takeMarks(into marks: inout ContiguousArray<DeduplicationMark>) {
        marks.removeAll(keepingCapacity: true)
        if !state.pointee.marks.isEmpty { swap(&state.pointee.marks, &marks) }
    }

    /// Cold: keeps the counter and the text of what failed.
    @inline(never)
    private func recordError(_ record: RouteRecord, _ slots: FieldSlots) {
        let route = Int(record.route)
        counters[route].errors &+= 1
        // The text is made anew only now and then: a route that fails for every event would spend its time on it.
        if counters[route].errors & (counters[route].errors - 1) == 0 {
            state.pointee.lastErrors[route] = table.errorText(of: record, slots)
        }
    }
}

/// What happened to a route's events.
package struct RouteCounters: BitwiseCopyable, Sendable, Hashable {
    package var matched: UInt64 = 0
    /// Receivers left out because an earlier route, or an earlier receiver, had given the event to the same handler.
    package var duplicates: UInt64 = 0
    /// Events for which a filter or a condition could not be evaluated; it does not hold.
    package var errors: UInt64 = 0

    package init() {}
}
