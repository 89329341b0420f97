import Dispatch
import PatchbayEvents
import PatchbayExpressions
import PatchbayRouting

/// Events routed a second on one core, with 10 and with 1,000 routes: what the index over routes is for. With `raw` from
/// JSON text, otherwise with the fields decoded before.
enum RouteBenchmark {
    /// How routes tell events apart. One route takes each event.
    private struct Shape: Sendable {
        var name: String
        var route: @Sendable (Int, ExpressionEnvironment) throws -> Route
    }

    private static let shapes = [
        Shape(name: "type") { index, _ in
            try route(index) { $0.type = try TypePattern("com.acme.kind\(index).*") }
        },
        Shape(name: "exact") { index, _ in
            route(index) { $0.filters = [.exact([RouteAttribute("tenant", "t\(index)")])] }
        },
        Shape(name: "match") { index, environment in
            try route(index) {
                $0.match = try Expression(
                    "event.data.key == 'k\(index)' && event.data.amount > 10", in: environment)
            }
        },
        Shape(name: "range") { index, environment in
            try route(index) {
                $0.match = try Expression(
                    "event.data.number >= \(index) && event.data.number < \(index + 1)", in: environment)
            }
        },
    ]

    private static func route(_ index: Int, _ change: (inout Route) throws -> Void) rethrows -> Route {
        var route = Route(
            name: "r\(index)",
            targets: [.handler(RouteHandler(name: "h\(index % 100)", handler: UInt16(index % 100), lane: 0))])
        try change(&route)
        return route
    }

    static func run(_ bench: Workbench) throws {
        for shape in shapes {
            var rates: [Double] = []
            for count in [10, 1_000] {
                let field = try Field(routes: count, shape.route)
                let rounds = bench.settings.isTiny ? 1 : 4_000
                let series = Series(values: try (0..<bench.settings.runs).map { _ in try field.rate(rounds: rounds) })
                rates.append(series.median)
                print("routes_\(shape.name)_\(count): \(series.text(1e6)) M events/s")
                guard count > 10 else { continue }
                let raw = Series(
                    values: try (0..<bench.settings.runs).map { _ in try field.rateFromText(rounds: rounds) })
                print("routes_\(shape.name)_\(count)_raw: \(raw.text(1e6)) M events/s (bar 0.5)")
            }
            print("  ratio of 1,000 routes to 10: \(Series(values: [rates[1] / rates[0]]).text(1).prefix(4))")
        }
    }

    /// A matcher with events that it is to route, each to one route.
    private final class Field {
        private static let eventCount = EventBatch.eventsMax
        private let matcher: RouteMatcher
        private let events: EventDecoder
        private let room: UnsafeMutablePointer<RoutedDelivery>

        init(routes: Int, _ route: (Int, ExpressionEnvironment) throws -> Route) throws {
            let plan = FieldPlan()
            let environment = ExpressionEnvironment(eventPlan: plan)
            let table = try RouteTable(
                try (0..<routes).map { try route($0, environment) }, plan: plan, seed: KeySeed(1, 2))
            matcher = RouteMatcher(table)
            room = .allocate(capacity: table.deliveriesPerEventMax + 1)
            let lines = (0..<Self.eventCount).map { number in
                let index = number * 7 % routes
                return
                    #"{"specversion":"1.0","id":"\#(number)","source":"/bench","type":"com.acme.kind\#(index).made","#
                    + #""tenant":"t\#(index)","data":{"key":"k\#(index)","amount":\#(number + 11),"number":\#(index)}}"#
            }
            events = EventDecoder(lines.joined(separator: "\n").utf8, plan: plan)
            var decoded = 0
            events.decode { decoded += $0 }
            guard decoded == Self.eventCount else { throw BenchmarkError("\(decoded) events were decoded") }
        }

        deinit { room.deallocate() }

        /// Events a second whose fields are decoded.
        func rate(rounds: Int) throws -> Double {
            try rate(rounds: rounds) { deliveries(of: Self.eventCount) }
        }

        /// Events a second, decoding included.
        func rateFromText(rounds: Int) throws -> Double {
            try rate(rounds: rounds) {
                var deliveries = 0
                events.decode { deliveries += self.deliveries(of: $0) }
                return deliveries
            }
        }

        /// Every event must have gone to one route.
        private func rate(rounds: Int, _ round: () -> Int) throws -> Double {
            var deliveries = 0
            let start = DispatchTime.now().uptimeNanoseconds
            for _ in 0..<rounds { deliveries += round() }
            let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
            guard deliveries == rounds * Self.eventCount else {
                throw BenchmarkError("\(deliveries) deliveries of \(rounds * Self.eventCount) events")
            }
            return Double(rounds * Self.eventCount) / seconds
        }

        private func deliveries(of count: Int) -> Int {
            var deliveries = 0
            for event in 0..<count {
                deliveries += matcher.route(event: UInt32(event), slots: events.slots(of: event), into: room)
            }
            return deliveries
        }
    }
}
