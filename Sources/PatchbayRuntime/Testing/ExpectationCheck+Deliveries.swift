import PatchbayConfiguration

/// What is expected of deliveries: outcomes, attempts and times.
extension ExpectationCheck {
    mutating func checkDeliveries() {
        guard
            expectation.outcome != nil || expectation.attempts != nil || expectation.delays != nil
                || expectation.ends != nil
        else { return }
        guard !deliveries.isEmpty else {
            let key =
                expectation.attempts != nil
                ? "attempts" : expectation.outcome != nil ? "outcome" : expectation.delays != nil ? "delays" : "ends"
            return fail(
                key, "deliveries\(scopeText)", expected: ["at least one delivery"], actual: ["(none)"],
                about: events.first)
        }
        var failed = 0
        for index in deliveries {
            let before = failures.count
            check(index)
            if failures.count > before { failed += 1 }
            if failed >= Self.failuresMax { return }
        }
    }

    private mutating func check(_ index: Int) {
        let delivery = journal.deliveries[index]
        let event = delivery.event
        if let outcome = expectation.outcome, outcome != delivery.outcome {
            fail(
                "outcome", "outcome of \(about(index))", expected: [outcome.rawValue],
                actual: [delivery.outcome.rawValue], about: event)
        }
        if let attempts = expectation.attempts, !attempts.contains(delivery.attempts) {
            fail(
                "attempts", "attempts of \(about(index))", expected: [attempts.text { "\($0)" }],
                actual: ["\(delivery.attempts)"], about: event)
        }
        if let ends = expectation.ends {
            let isIn = delivery.outcome != .pending && ends.contains(VirtualTime.duration(delivery.endedAt))
            if !isIn {
                fail(
                    "ends", "the end of \(about(index))", expected: [ends.text(DurationText.format)],
                    actual: [delivery.outcome == .pending ? "(pending)" : VirtualTime.exact(delivery.endedAt)],
                    about: event)
            }
        }
        if let delays = expectation.delays { check(delays, index) }
    }

    private mutating func check(_ delays: Configuration.Several<Configuration.Bounds<Duration>>, _ index: Int) {
        let delivery = journal.deliveries[index]
        let found = delivery.delays
        guard delays.isList else {
            guard let only = delays.items.first, delivery.calls.count > 1 else {
                return fail(
                    "delays", "delays of \(about(index))",
                    expected: delays.items.map { $0.text(DurationText.format) }, actual: ["(no second attempt)"],
                    about: delivery.event)
            }
            let extremes = [delivery.shortestDelay, delivery.longestDelay]
            guard !extremes.allSatisfy({ only.contains(VirtualTime.duration($0)) }) else { return }
            let lowest = VirtualTime.exact(delivery.shortestDelay)
            let range = extremes[0] == extremes[1] ? lowest : "\(lowest)..\(VirtualTime.exact(extremes[1]))"
            return fail(
                "delays", "delays of \(about(index))", expected: [only.text(DurationText.format)], actual: [range],
                about: delivery.event)
        }
        compare("delays", "delays of \(about(index))", delays.items, found, left: delivery.calls.left, delivery.event)
    }

    mutating func checkStarts() {
        guard let starts = expectation.starts else { return }
        var found = deliveries.flatMap { index in
            (journal.deliveries[index].calls.first + journal.deliveries[index].calls.last).map(\.startedAt)
        }
        found.sort()
        compare(
            "starts", "starts\(scopeText)", starts, found, left: 0,
            deliveries.first.map {
                journal.deliveries[$0].event
            })
    }

    /// Compares times one by one; a time in its range is shown as the range.
    private mutating func compare(
        _ key: String, _ what: String, _ expected: [Configuration.Bounds<Duration>], _ found: [UInt64], left: Int,
        _ event: Int?
    ) {
        let isSame =
            expected.count == found.count && left == 0
            && zip(expected, found).allSatisfy { $0.contains(VirtualTime.duration($1)) }
        guard !isSame else { return }
        var shown = found.enumerated().map { index, time in
            index < expected.count && expected[index].contains(VirtualTime.duration(time))
                ? expected[index].text(DurationText.format) : VirtualTime.exact(time)
        }
        if left > 0 { shown.append("(and more)") }
        fail(
            key, what, expected: expected.map { $0.text(DurationText.format) },
            actual: shown.isEmpty ? ["(none)"] : shown, about: event)
    }

    mutating func checkWithin() {
        guard let within = expectation.within else { return }
        let late = allDeliveries.filter { index in
            journal.deliveries[index].outcome == .pending
                || VirtualTime.duration(journal.deliveries[index].endedAt) > within
        }
        guard let first = late.first else { return }
        let last = late.map { journal.deliveries[$0] }.max { $0.endedAt < $1.endedAt }
        let isPending = late.contains { journal.deliveries[$0].outcome == .pending }
        fail(
            "within", "the end of everything\(scopeText)", expected: ["within \(DurationText.format(within))"],
            actual: [
                isPending
                    ? "\(late.count { journal.deliveries[$0].outcome == .pending }) pending"
                    : VirtualTime.exact(last?.endedAt ?? 0)
            ], about: journal.deliveries[first].event)
    }

    mutating func checkInFlight() {
        guard let inFlight = expectation.inFlight else { return }
        // A call that ends before another begins does not overlap it; one that takes no time is there for a moment.
        var changes: [(at: UInt64, change: Int)] = []
        var most = 0
        for index in deliveries {
            for call in journal.deliveries[index].calls.first + journal.deliveries[index].calls.last {
                most = 1
                guard call.endedAt > call.startedAt else { continue }
                changes.append((call.startedAt, 1))
                changes.append((call.endedAt, -1))
            }
        }
        changes.sort { ($0.at, $0.change) < ($1.at, $1.change) }
        var current = 0
        for change in changes {
            current += change.change
            most = max(most, current)
        }
        guard !inFlight.contains(most) else { return }
        fail(
            "inFlight", "most calls open at once\(scopeText)", expected: [inFlight.text { "\($0)" }],
            actual: ["\(most)"], about: deliveries.first.map { journal.deliveries[$0].event })
    }

    mutating func checkOrder() {
        switch expectation.order {
        case nil: return
        case .events(let ids):
            let ended = deliveries.filter { journal.deliveries[$0].outcome != .pending }
                .sorted { journal.deliveries[$0].endedAs < journal.deliveries[$1].endedAs }
            let found = ended.map { journal.events[journal.deliveries[$0].event].id }.filter(ids.contains)
            guard found != ids else { return }
            fail(
                "order", "the order in which events end\(expectation.handler.map { " at \($0)" } ?? "")", expected: ids,
                actual: found.isEmpty ? ["(none ended)"] : found,
                about: journal.events.firstIndex { ids.contains($0.id) })
        case .byKey:
            var groups: [[Int]] = []
            var groupOf: [KeyOfLane: Int] = [:]
            for index in allDeliveries where journal.deliveries[index].key != 0 {
                let key = KeyOfLane(lane: journal.deliveries[index].lane, key: journal.deliveries[index].key)
                if let group = groupOf[key] {
                    groups[group].append(index)
                } else {
                    groupOf[key] = groups.count
                    groups.append([index])
                }
            }
            guard !groups.isEmpty else {
                return fail(
                    "order", "events with an ordering key\(scopeText)", expected: ["at least one"], actual: ["(none)"],
                    about: events.first)
            }
            for group in groups {
                let ended = group.filter { journal.deliveries[$0].outcome != .pending }
                let sorted = ended.sorted { journal.deliveries[$0].endedAs < journal.deliveries[$1].endedAs }
                guard sorted != ended, let first = ended.first else { continue }
                fail(
                    "order", "the order in which events of one key end at \(handler(of: first))",
                    expected: ended.map { journal.events[journal.deliveries[$0].event].id },
                    actual: sorted.map { journal.events[journal.deliveries[$0].event].id },
                    about: journal.deliveries[first].event)
            }
        }
    }

    private struct KeyOfLane: Hashable {
        var lane: Int
        var key: UInt64
    }
}
