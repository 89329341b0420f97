import PatchbayEvents
import Testing

@testable import PatchbaySchedule

@Suite struct `cron expressions` {
    /// 2026-03-01T00:00:00Z, a Sunday.
    private static let march: Int64 = 1_772_323_200

    private func times(_ text: String, after: Int64 = march - 1, _ count: Int = 3, zone: ZoneRules = .utc) throws
        -> [Int64]
    {
        let schedule = try CronSchedule(text)
        var times: [Int64] = []
        var at = after
        while times.count < count, let next = schedule.next(after: at, in: zone) {
            times.append(next)
            at = next
        }
        return times
    }

    @Test func `name minutes, hours and days`() throws {
        let start = Self.march
        #expect(try times("*/20 * * * *") == [start, start + 1_200, start + 2_400])
        #expect(
            try times("30 4 1,15 * ?") == [start + 16_200, start + 14 * 86_400 + 16_200, start + 31 * 86_400 + 16_200])
        #expect(try times("@weekly") == [start, start + 7 * 86_400, start + 14 * 86_400])
        #expect(try times("0 0 * * 7") == times("0 0 * * SUN"))
        #expect(try times("*/15 30 6 * * *").first == start + 6 * 3_600 + 30 * 60)
    }

    @Test func `take either day when both are restricted`() throws {
        // The second, or a Wednesday.
        #expect(try times("0 0 2 * wed") == [Self.march + 86_400, Self.march + 3 * 86_400, Self.march + 10 * 86_400])
    }

    @Test func `have no time when no day is like that`() throws {
        #expect(try times("0 0 30 2 *").isEmpty)
        #expect(try times("0 0 29 2 *", 1).count == 1)
    }

    @Test func `leave out what the clocks skip, and repeat what they repeat`() throws {
        let berlin = try #require(ZoneRules(identifier: "Europe/Berlin"))
        // 2026-03-29: from 2:00 to 3:00 at 1:00 UTC.
        let spring: Int64 = 1_774_746_000
        #expect(
            try times("30 2 * * *", after: spring - 7_200, 2, zone: berlin) == [
                spring + 86_400 - 1_800, spring + 2 * 86_400 - 1_800,
            ])
        #expect(
            try times("0 * * * *", after: spring - 3_601, 3, zone: berlin) == [spring - 3_600, spring, spring + 3_600])
        // 2026-10-25: from 3:00 back to 2:00 at 1:00 UTC.
        let autumn: Int64 = 1_792_890_000
        #expect(try times("30 2 * * *", after: autumn - 7_200, 2, zone: berlin) == [autumn - 1_800, autumn + 1_800])
        #expect(ZoneRules(identifier: "Europe/Nowhere") == nil)
    }

    @Test func `know their last time before another one`() throws {
        let schedule = try CronSchedule("0 3 * * *")
        let now = Self.march + 5 * 86_400
        #expect(schedule.last(before: now, notBefore: 0, in: .utc) == now - 21 * 3_600)
        #expect(schedule.last(before: now, notBefore: now - 3_600, in: .utc) == nil)
        #expect(schedule.last(before: now - 21 * 3_600, notBefore: 0, in: .utc) == now - 21 * 3_600)
    }

    /// Every second of a year and a half in a place whose clocks change by half an hour: what `next` names is what
    /// matches when each is looked at.
    @Test func `agree with looking at each minute`() throws {
        let lordHowe = try #require(ZoneRules(identifier: "Australia/Lord_Howe"))
        let schedule = try CronSchedule("15,45 1-2 * 4,10 *")
        var expected: [Int64] = []
        let start: Int64 = 1_774_000_000 / 60 * 60
        for minute in 0..<(400 * 1_440) {
            let at = start + Int64(minute) * 60
            let local = Value.Timestamp.Civil(secondsSinceEpoch: at + Int64(lordHowe.offset(at)))
            if [15, 45].contains(local.minute), [1, 2].contains(local.hour), [4, 10].contains(local.month) {
                expected.append(at)
            }
        }
        #expect(try times("15,45 1-2 * 4,10 *", after: start - 1, expected.count, zone: lordHowe) == expected)
        #expect(schedule.next(after: expected[0], in: lordHowe) == expected[1])
    }

    @Test(
        arguments: [
            ("* * * *", "has 4 fields"), ("60 * * * *", "minute '60': '60' is not from 0 to 59"),
            ("* * 0 * *", "day of month '0'"), ("* * * foo *", "or jan, feb"), ("5-1 * * * *", "begins behind its end"),
            ("*/0 * * * *", "step"), ("1,,2 * * * *", "is no value"), ("@never", "there are @hourly"),
        ])
    func `that are wrong are refused with the place`(text: String, part: String) throws {
        let error = #expect(throws: CronError.self) { try CronSchedule(text) }
        #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }
}
