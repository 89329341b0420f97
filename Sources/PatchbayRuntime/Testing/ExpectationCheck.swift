import PatchbayConfiguration
import PatchbayEvents
import PatchbayRouting

/// Compares what happened with one expectation.
struct ExpectationCheck {
    let expectation: Configuration.Test.Expectation
    /// Of the expectation: `tests[0].expect`.
    let path: String
    let test: Configuration.Test
    let blueprint: Blueprint
    let journal: Journal
    let explainer: Explainer
    let locate: (String) -> SourceLocation
    var failures: [TestFailure] = []
    /// Events that failures are about.
    var blamed: [Int] = []

    /// A failure of each of a thousand events would say nothing more.
    static let failuresMax = 5

    mutating func run() {
        if let route = expectation.route {
            checkEach("route", route.items, "routes") { check, event in check.routes(of: event) }
        }
        if let handlers = expectation.handlers {
            checkEach("handlers", handlers, "handlers") { check, event in
                check.journal.events[event].deliveries.map { check.handler(of: $0) }
            }
        }
        if let unmatched = expectation.unmatched {
            checkEach("unmatched", ["\(unmatched)"], "whether no route takes it:") { check, event in
                ["\(check.journal.events[event].isUnmatched || check.isRefusedAsUnmatched(event))"]
            }
        }
        checkExplain()
        checkDeliveries()
        checkStarts()
        checkWithin()
        checkInFlight()
        checkOrder()
        checkBreaker()
        checkDeadLetter()
        checkEmitted()
        checkCounts()
    }

    // MARK: Scope

    /// Events that came in from outside, or those of the expectation's id.
    var events: [Int] {
        journal.events.indices.filter { index in
            expectation.event.map { journal.events[index].id == $0 } ?? (journal.events[index].cause == nil)
        }
    }

    /// Deliveries of the expectation's event and handler, whoever is injected.
    var allDeliveries: [Int] {
        journal.deliveries.indices.filter { index in
            (expectation.event.map { journal.events[journal.deliveries[index].event].id == $0 } ?? true)
                && (expectation.handler.map { handler(of: index) == $0 } ?? true)
        }
    }

    /// As `allDeliveries`; where no handler is named, those to handlers that are injected, if there are any.
    var deliveries: [Int] {
        let all = allDeliveries
        guard expectation.handler == nil else { return all }
        let injected = Set(test.inject.items.map(\.handler))
        let own = all.filter { injected.contains(handler(of: $0)) }
        return own.isEmpty ? all : own
    }

    func handler(of delivery: Int) -> String { blueprint.lanes[journal.deliveries[delivery].lane].handler }

    /// In the order of its deliveries.
    func routes(of event: Int) -> [String] {
        var names: [String] = []
        for delivery in journal.events[event].deliveries {
            let name = blueprint.configuration.routes[journal.deliveries[delivery].route].name
            if !names.contains(name) { names.append(name) }
        }
        return names
    }

    func isRefusedAsUnmatched(_ event: Int) -> Bool {
        journal.events[event].refusal == Simulation.unmatchedRefusal
    }

    /// As in `billing.charge, event order-1`.
    func about(_ delivery: Int) -> String {
        "\(handler(of: delivery)), event \(journal.events[journal.deliveries[delivery].event].id)"
    }

    var scopeText: String {
        let parts = [expectation.handler, expectation.event.map { "event \($0)" }].compactMap { $0 }
        return parts.isEmpty ? "" : " of \(parts.joined(separator: ", "))"
    }

    // MARK: Failures

    mutating func fail(
        _ key: String, _ what: String, expected: [String], actual: [String], about event: Int? = nil
    ) {
        failures.append(
            TestFailure(location: locate("\(path).\(key)"), what: what, expected: expected, actual: actual))
        if let event, !blamed.contains(event) { blamed.append(event) }
    }

    /// Compares something of each event.
    private mutating func checkEach(
        _ key: String, _ expected: [String], _ what: String, _ actual: (Self, Int) -> [String]
    ) {
        guard !events.isEmpty else {
            return fail(key, "\(what) of an event", expected: expected, actual: ["(no such event came in)"])
        }
        var failed = 0
        for event in events {
            let found = actual(self, event)
            guard found != expected else { continue }
            failed += 1
            guard failed <= Self.failuresMax else { break }
            fail(
                key, "\(what) of event \(journal.events[event].id)", expected: expected,
                actual: found.isEmpty ? ["(none)"] : found, about: event)
        }
    }

    private mutating func checkExplain() {
        guard let verdicts = expectation.explain else { return }
        for event in events.prefix(1000) {
            var found: [String: String] = [:]
            do throws(CloudEventsError) {
                for route in try explainer.explain(journal.events[event].json[...]).routing.routes {
                    found[route.name] =
                        switch route.verdict {
                        case .matched: "matched"
                        case .notMatched: "notMatched"
                        case .failed: "failed"
                        case .notTried: "notTried"
                        }
                }
            } catch {
                fail(
                    "explain", "the routes of event \(journal.events[event].id)",
                    expected: verdicts.map { "\($0.route): \($0.verdict.rawValue)" },
                    actual: ["refused: \(error.message)"], about: event)
                return
            }
            let expected = verdicts.map { "\($0.route): \($0.verdict.rawValue)" }
            let actual = verdicts.map { "\($0.route): \(found[$0.route] ?? "(no such route)")" }
            guard expected != actual else { continue }
            return fail(
                "explain", "the routes of event \(journal.events[event].id)", expected: expected, actual: actual,
                about: event)
        }
    }
}

extension VirtualTime {
    /// Each of several, exactly.
    static func exact(_ times: [UInt64]) -> [String] { times.map(exact) }
}

/// The text of virtual times.
enum VirtualTime {
    /// `1m30s`, to the nanosecond, in the form that expectations take.
    static func exact(_ nanoseconds: UInt64) -> String { DurationText.format(duration(nanoseconds)) }

    static func duration(_ nanoseconds: UInt64) -> Duration { .nanoseconds(Int64(clamping: nanoseconds)) }

    /// For journeys: to the microsecond.
    static func rounded(_ nanoseconds: UInt64) -> String {
        DurationText.format(duration(nanoseconds >= 1000 ? nanoseconds / 1000 * 1000 : nanoseconds))
    }
}
