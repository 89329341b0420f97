import PatchbayEvents

/// When something recurs: a cron expression of five fields (minute, hour, day of month, month, day of week) or of six
/// with seconds first, in a time zone.
///
/// Fields are `*`, `?`, numbers, names (`jan`, `mon`), ranges `a-b`, steps `/n` behind any of them, and lists of these
/// with commas; `@hourly`, `@daily`, `@midnight`, `@weekly`, `@monthly`, `@yearly` and `@annually` stand for
/// expressions. When both days are restricted, either is enough. A local time that a change of the clocks leaves out
/// does not come; one that comes twice fires twice.
///
/// - Source: POSIX.1-2017, crontab; robfig/cron for seconds, `?` and `a/n`.
package struct CronSchedule: Sendable, Hashable {
    let seconds: CronField
    let minutes: CronField
    let hours: CronField
    let days: CronField
    let months: CronField
    let weekdays: CronField

    /// - Throws: what is wrong, and where.
    package init(_ text: String) throws(CronError) {
        let expression = try Self.expanded(text)
        let parts = expression.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        guard parts.count == 5 || parts.count == 6 else {
            throw CronError("'\(text)' has \(parts.count) fields; there are 5, or 6 with seconds first")
        }
        seconds = parts.count == 6 ? try CronField(parts[0], .second) : CronField(only: 0)
        let rest = parts.suffix(5)
        let first = rest.startIndex
        minutes = try CronField(rest[first], .minute)
        hours = try CronField(rest[first + 1], .hour)
        days = try CronField(rest[first + 2], .day)
        months = try CronField(rest[first + 3], .month)
        weekdays = try CronField(rest[first + 4], .weekday)
    }

    private static func expanded(_ text: String) throws(CronError) -> String {
        guard text.hasPrefix("@") else { return text }
        switch text {
        case "@yearly", "@annually": return "0 0 1 1 *"
        case "@monthly": return "0 0 1 * *"
        case "@weekly": return "0 0 * * 0"
        case "@daily", "@midnight": return "0 0 * * *"
        case "@hourly": return "0 * * * *"
        default:
            throw CronError(
                "'\(text)' is no name of an expression; there are @hourly, @daily, @midnight, @weekly, @monthly, "
                    + "@yearly and @annually")
        }
    }

    /// Longer than the distance of two leap days over a century that has none.
    private static let secondsMax: Int64 = 10 * 366 * 86_400

    /// The first time after `time` that the expression names; `nil` when there is none, as for 30 February. Unix
    /// seconds.
    package func next(after time: Int64, in zone: ZoneRules) -> Int64? {
        var at = time + 1
        let end = time + Self.secondsMax
        while at <= end {
            let local = zone.civil(at)
            if !months.contains(local.month) || !matchesDay(local) {
                at = zone.nextDay(after: at)
            } else if !hours.contains(local.hour) {
                at = zone.next(after: at, every: 3_600)
            } else if !minutes.contains(local.minute) {
                at = zone.next(after: at, every: 60)
            } else if !seconds.contains(local.second) {
                at += 1
            } else {
                return at
            }
        }
        return nil
    }

    /// The last time at or before `time` that the expression names, no further back than `earliest`.
    package func last(before time: Int64, notBefore earliest: Int64, in zone: ZoneRules) -> Int64? {
        // Ever longer steps back until one is in reach; from there on forward.
        var reach: Int64 = 60
        while true {
            let start = max(earliest - 1, time - reach)
            if let first = next(after: start, in: zone), first <= time {
                var found = first
                while let following = next(after: found, in: zone), following <= time { found = following }
                return found
            }
            if start < earliest { return nil }
            reach *= 8
        }
    }

    private func matchesDay(_ local: Value.Timestamp.Civil) -> Bool {
        let (day, weekday) = (days.contains(local.day), weekdays.contains(local.weekday))
        return days.isAny || weekdays.isAny ? day && weekday : day || weekday
    }
}

/// What is wrong with a schedule.
package struct CronError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}
