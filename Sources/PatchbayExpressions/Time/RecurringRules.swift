import PatchbayEvents

/// Standard and daylight saving time as they repeat every year, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
///
/// - Source: POSIX.1-2017, section 8.3, `TZ`; RFC 8536, section 3.3.1 for hours beyond a day.
struct RecurringRules: Sendable {
    private struct Change: Sendable {
        enum Day: Sendable {
            /// 1 to 365, never counting February 29th.
            case julian(Int)
            /// 0 to 365.
            case ofYear(Int)
            /// Weekday (0 is Sunday) of a month's week, 5 being the last one.
            case weekday(Int, week: Int, month: Int)
        }

        let day: Day
        /// Seconds after midnight, local time before the change.
        let time: Int

        /// Seconds since 1970 as if the local clock were UTC.
        func moment(in year: Int) -> Int64 {
            let newYear = Value.Timestamp.Civil(year: year, month: 1, day: 1)
            let days: Int64
            switch day {
            case .julian(let number):
                let isLeap = Value.Timestamp.Civil.daysInMonth(2, ofYear: year) == 29
                days = newYear.daysSinceEpoch + Int64(number - 1 + (isLeap && number >= 60 ? 1 : 0))
            case .ofYear(let number): days = newYear.daysSinceEpoch + Int64(number)
            case .weekday(let weekday, let week, let month):
                let first = Value.Timestamp.Civil(year: year, month: month, day: 1)
                var date = 1 + (weekday - first.weekday + 7) % 7 + (week - 1) * 7
                if date > Value.Timestamp.Civil.daysInMonth(month, ofYear: year) { date -= 7 }
                days = first.daysSinceEpoch + Int64(date - 1)
            }
            return days * 86_400 + Int64(time)
        }
    }

    private let standard: Int
    private var daylight: (offset: Int, start: Change, end: Change)?

    /// `nil` for what is not such a text.
    init?(posix text: String) {
        var reader = Reader(rest: text[...])
        guard reader.name(), let west = reader.time() else { return nil }
        standard = -west
        if reader.rest.isEmpty { return }
        guard reader.name() else { return nil }
        let offset = reader.rest.hasPrefix(",") ? standard + 3_600 : reader.time().map { -$0 }
        guard let offset, reader.take(","), let start = reader.change(), reader.take(","), let end = reader.change(),
            reader.rest.isEmpty
        else { return nil }
        daylight = (offset, start, end)
    }

    func secondsEast(at instant: Int64) -> Int {
        guard let daylight else { return standard }
        let year = Value.Timestamp.Civil(secondsSinceEpoch: instant + Int64(standard)).year
        let start = daylight.start.moment(in: year) - Int64(standard)
        let end = daylight.end.moment(in: year) - Int64(daylight.offset)
        let isDaylight = start < end ? instant >= start && instant < end : instant >= start || instant < end
        return isDaylight ? daylight.offset : standard
    }

    private struct Reader {
        var rest: Substring

        mutating func take(_ text: String) -> Bool {
            guard rest.hasPrefix(text) else { return false }
            rest = rest.dropFirst(text.count)
            return true
        }

        mutating func name() -> Bool {
            if take("<") {
                rest = rest.drop { $0 != ">" }
                return take(">")
            }
            let letters = rest.prefix(while: \.isLetter)
            rest = rest.dropFirst(letters.count)
            return letters.count >= 3
        }

        mutating func number() -> Int? {
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count)
            return digits.count <= 4 ? Int(digits) : nil
        }

        /// Seconds of `[+|-]hh[:mm[:ss]]`.
        mutating func time() -> Int? {
            let sign = take("-") ? -1 : 1
            if sign == 1 { _ = take("+") }
            guard var seconds = number().map({ $0 * 3_600 }) else { return nil }
            for unit in [60, 1] where take(":") {
                guard let part = number() else { return nil }
                seconds += part * unit
            }
            return sign * seconds
        }

        mutating func change() -> Change? {
            let day: Change.Day
            if take("M") {
                guard let month = number(), (1...12).contains(month), take("."), let week = number(),
                    (1...5).contains(week), take("."), let weekday = number(), (0...6).contains(weekday)
                else { return nil }
                day = .weekday(weekday, week: week, month: month)
            } else if take("J") {
                guard let date = number(), (1...365).contains(date) else { return nil }
                day = .julian(date)
            } else {
                guard let date = number(), (0...365).contains(date) else { return nil }
                day = .ofYear(date)
            }
            guard take("/") else { return Change(day: day, time: 7_200) }
            return time().map { Change(day: day, time: $0) }
        }
    }
}
