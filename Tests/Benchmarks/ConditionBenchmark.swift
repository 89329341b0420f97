import Dispatch
import PatchbayEvents
import PatchbayExpressions

/// Conditions tested a second on one core: from 300 bytes of raw JSON, and with the fields decoded before.
enum ConditionBenchmark {
    private static let eventBytes = 300
    private static let simple = "event.type == 'com.shop.order.created'"
    private static let compound = "event.type == 'com.shop.order.created' && event.data.amount > 1000"

    static func run(_ bench: Workbench) throws {
        try measure(bench, "conditions_raw_300B", compound, bar: 2) { try $0.rateFromText(rounds: $1) }
        try measure(bench, "conditions_decoded_compound", compound, bar: nil) { try $0.rate(rounds: $1) }
        try measure(bench, "conditions_decoded_simple", simple, bar: 10) { try $0.rate(rounds: $1) }
    }

    private static func measure(
        _ bench: Workbench, _ name: String, _ condition: String, bar: Int?, _ rate: (Field, Int) throws -> Double
    ) throws {
        let field = try Field(condition)
        let rounds = bench.settings.isTiny ? 1 : 4_000
        let series = Series(values: try (0..<bench.settings.runs).map { _ in try rate(field, rounds) })
        print("\(name): \(series.text(1e6)) M events/s\(bar.map { " (bar \($0))" } ?? "")")
    }

    /// A condition and events of which every second one has the type, and every fourth matches the compound.
    private final class Field {
        private static let eventCount = EventBatch.eventsMax
        private let expression: Expression
        private let events: EventDecoder
        private let expected: Int

        init(_ condition: String) throws {
            let plan = FieldPlan()
            expression = try Expression(condition, in: ExpressionEnvironment(eventPlan: plan))
            let lines = (0..<Self.eventCount).map(Self.line)
            guard lines.allSatisfy({ $0.utf8.count == eventBytes }) else {
                throw BenchmarkError("an event has not \(eventBytes) bytes")
            }
            events = EventDecoder(lines.joined(separator: "\n").utf8, plan: plan)
            expected = Self.eventCount / (condition == compound ? 4 : 2)
        }

        private static func line(_ number: Int) -> String {
            let type = number % 2 == 0 ? "com.shop.order.created" : "com.shop.order.shipped"
            let amount = number % 4 == 0 ? "1250.75" : "999.5"
            let head =
                #"{"specversion":"1.0","id":"b\#(100_000 + number)","source":"/shop/eu-1","type":"\#(type)","#
                + #""subject":"user/4711","time":"2026-01-01T00:00:00.000Z","data":{"order":\#(number),"country":"DE","#
                + #""amount":\#(amount),"items":[{"sku":"SKU-1207","qty":1}],"note":""#
            return head + String(repeating: "n", count: max(0, eventBytes - head.utf8.count - 3)) + #""}}"#
        }

        /// Events a second, decoding and access to their fields included.
        func rateFromText(rounds: Int) throws -> Double {
            try rate(rounds: rounds) {
                var matches = 0
                events.decode { matches += self.matches(among: $0) }
                return matches
            }
        }

        /// Events a second whose fields are decoded.
        func rate(rounds: Int) throws -> Double {
            var decoded = 0
            events.decode { decoded += $0 }
            guard decoded == Self.eventCount else { throw BenchmarkError("\(decoded) events were decoded") }
            return try rate(rounds: rounds) { matches(among: Self.eventCount) }
        }

        private func rate(rounds: Int, _ round: () -> Int) throws -> Double {
            var matches = 0
            let start = DispatchTime.now().uptimeNanoseconds
            for _ in 0..<rounds { matches += round() }
            let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
            guard matches == rounds * expected else {
                throw BenchmarkError("\(matches) of \(rounds * Self.eventCount) events matched")
            }
            return Double(rounds * Self.eventCount) / seconds
        }

        private func matches(among count: Int) -> Int {
            var matches = 0
            for event in 0..<count where expression.matches(events.slots(of: event)) == .yes { matches += 1 }
            return matches
        }
    }
}
