import PatchbayEvents
import Testing

@testable import PatchbayExpressions

@Suite struct TimeTests {
    @Test(arguments: [
        // Around the two changes of 2026 in Berlin, New York and Sydney (where summer spans the new year).
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z", 3_600),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 7_200),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59Z", 7_200),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", 3_600),
        ("EST5EDT,M3.2.0,M11.1.0", "2026-03-08T06:59:59Z", -18_000),
        ("EST5EDT,M3.2.0,M11.1.0", "2026-03-08T07:00:00Z", -14_400),
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01T00:00:00Z", 39_600),
        ("AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-07-01T00:00:00Z", 36_000),
        ("<+0545>-5:45", "2026-01-01T00:00:00Z", 20_700), ("UTC0", "2026-01-01T00:00:00Z", 0),
        ("XXX3YYY,J60,J300", "2024-03-01T04:59:59Z", -10_800), ("XXX3YYY,J60,J300", "2024-03-01T05:00:00Z", -7_200),
    ])
    func `recurring rules give the offset`(rules: String, time: String, expected: Int) throws {
        let found = try #require(RecurringRules(posix: rules))
        let time = try #require(Value.Timestamp(rfc3339: time))
        #expect(found.secondsEast(at: time.seconds) == expected)
    }

    @Test(arguments: [
        "", "CET", "C-1", "CET-1CEST", "CET-1CEST,M3.5", "CET-1CEST,M13.1.0,M1.1.0", "CET-1CEST,M3.5.0,M10.5.0/3x",
    ])
    func `refuses what is no rule`(text: String) {
        #expect(RecurringRules(posix: text) == nil)
    }

    @Test func `reads transitions and the rule after them from a zone's file`() throws {
        // Version 2: an empty first part, then one transition from -1 h to +2 h at 1000, then UTC+3 forever.
        func header(_ counts: [UInt8]) -> [UInt8] {
            Array("TZif2".utf8) + [UInt8](repeating: 0, count: 15) + counts.flatMap { [0, 0, 0, $0] }
        }
        var file = header([0, 0, 0, 0, 0, 0]) + header([0, 0, 0, 2, 2, 4])
        file += [0, 0, 0, 0, 0, 0, 3, 232] + [0, 0, 0, 0, 0, 0, 7, 208] + [1, 0]
        file +=
            [0xFF, 0xFF, 0xF1, 0xF0, 0, 0] + [0, 0, 0x1C, 0x20, 0, 0] + Array("ABC\0".utf8) + Array("\nXYZ-3\n".utf8)
        let rules = try #require(TimeZoneRules(tzif: file))
        #expect(rules.secondsEast(at: 999) == -3_600)
        #expect(rules.secondsEast(at: 1_000) == 7_200)
        #expect(rules.secondsEast(at: 2_000) == 10_800)
        for length in 0..<file.count - 8 { #expect(TimeZoneRules(tzif: Array(file.prefix(length))) == nil) }
    }

    @Test(arguments: [("UTC", 0), ("+05:30", 19_800), ("-02:00", -7_200), ("02:00", 7_200)])
    func `takes fixed offsets`(name: String, expected: Int) {
        #expect(TimeZoneRules.named(name)?.secondsEast(at: 0) == expected)
    }

    @Test(arguments: ["../../etc/passwd", "/etc/passwd", "Nowhere/Land", "+25:00", "+1:00", "a\0b", "Europe"])
    func `refuses names that are no zone`(name: String) {
        #expect(TimeZoneRules.named(name) == nil)
    }

    @Test func `dates and days convert both ways over the whole range`() {
        var random = SeededRandom(seed: 3)
        for _ in 0..<5_000 {
            let seconds = Int64.random(in: Value.Timestamp.secondsRange, using: &random)
            let civil = Value.Timestamp.Civil(secondsSinceEpoch: seconds)
            #expect(civil.secondsSinceEpoch == seconds)
            #expect((1...12).contains(civil.month) && (1...31).contains(civil.day))
            let text =
                Value.Timestamp(seconds: seconds, nanoseconds: Int32(random.next() % 1_000_000_000))?.rfc3339 ?? ""
            #expect(Value.Timestamp(rfc3339: text)?.rfc3339 == text)
        }
        #expect(Value.Timestamp.Civil(year: 2000, month: 2, day: 29).weekday == 2)
        #expect(Value.Timestamp.Civil(year: 2024, month: 12, day: 31).dayOfYear == 365)
    }

    @Test(arguments: [
        "2026-01-31", "2026-01-31T12:00:00", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:60Z", "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00+1:00", "2026-01-31 12:00:00Z",
        "0000-12-31T00:00:00Z", "2026-01-31T12:00:00.1234567890Z", "2026-01-31T12:00:00Zx", "٢026-01-31T12:00:00Z",
    ])
    func `refuses what is no RFC 3339 time`(text: String) {
        #expect(Value.Timestamp(rfc3339: text) == nil)
    }

    @Test(arguments: [
        ("1h45m", "6300s"), ("-1.5h", "-5400s"), ("250ms", "0.25s"), ("1us", "0.000001s"), ("0", "0s"), ("+2s", "2s"),
        (".5s", "0.5s"), ("1.000000001s", "1.000000001s"),
    ])
    func `reads durations with units`(text: String, expected: String) {
        #expect(Duration(unitText: text)?.secondsText == expected)
    }

    @Test(arguments: ["", "5", "1d", "h", "1h-5m", "9999999999h", "1 s", "s1", "--1s", "1..5s", "١s"])
    func `refuses what is no duration`(text: String) {
        #expect(Duration(unitText: text) == nil)
    }
}
