import PatchbayEvents
import Testing

@testable import PatchbayRuntime

/// What two handlers made of the same events, side by side.
@Suite struct `a comparison of two handlers` {
    private func record(_ id: Int, _ outcome: String = "done", nanoseconds: UInt64 = 1) -> TrialRecord {
        var record = TrialRecord(id: "\(id)", source: "/t", outcome: outcome)
        record.nanoseconds = nanoseconds
        return record
    }

    @Test func `counts and names what differs, and not how long it took`() {
        var comparison = Comparison(keptMax: 2)
        comparison.add(record(1), record(1, nanoseconds: 99))
        #expect(comparison.isSame && comparison.events == 1)
        var emitting = record(2)
        emitting.emits = [.object([("type", .string("a")), ("data", .int(1))])]
        var other = emitting
        other.emits = [.object([("data", .double(1)), ("type", .string("a"))])]
        comparison.add(emitting, other)
        #expect(comparison.isSame, "the order of members and how a number is written do not count")
        comparison.add(emitting, record(2))
        comparison.add(record(3), record(3, "retry"))
        var coded = record(4, "fail")
        coded.code = 7
        var stored = record(4, "fail")
        stored.state = [.string("x")]
        stored.timers = [.string("y")]
        comparison.add(coded, stored)
        #expect(comparison.differing == 3 && comparison.differences.map(\.present.id) == ["2", "3"])
        #expect(comparison.parts == [.emits: 1, .result: 2, .state: 1, .timers: 1])
        #expect(comparison.present.outcomes == ["done": 4, "fail": 1] && comparison.present.emitted == 2)
        #expect(comparison.candidate.outcomes == ["done": 3, "retry": 1, "fail": 1])
    }

    @Test func `durations are at most a thirty-second too high`() {
        var histogram = DurationHistogram()
        #expect(histogram.value(0.5) == 0)
        var values: [UInt64] = []
        var seed: UInt64 = 42
        for shift in 0..<4_000 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1
            values.append(seed >> UInt64(shift % 64))
        }
        values += [0, 1, 31, 32, 33, 63, 64, .max]
        for value in values { histogram.add(value) }
        values.sort()
        for share in [0.001, 0.5, 0.9, 0.99, 0.999, 1] {
            let exact = values[min(values.count, Int((share * Double(values.count)).rounded(.up))) - 1]
            let found = histogram.value(share)
            #expect(found >= exact && found - exact <= exact / 32, "\(share): \(found) for \(exact)")
        }
    }

    @Test func `records are read back as they were written`() throws {
        var record = record(1, "retry", nanoseconds: 12_345)
        (record.code, record.failureClass, record.reason) = (-3, "card", "card: \"no\"\nfunds")
        record.emits = [.object([("type", .string("a")), ("data", .list([.int(1), .null]))])]
        record.state = [.object([("key", .string("n")), ("value", .null)])]
        #expect(TrialRecord(try JSONReader().value(record.value.json)) == record)
        #expect(TrialRecord(.object([("id", .string("1"))])) == nil && TrialRecord(.null) == nil)
    }
}
