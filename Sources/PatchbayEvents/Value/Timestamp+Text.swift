extension Value.Timestamp {
    /// A date and a time of day in the proleptic Gregorian calendar.
    package struct Civil: Sendable, Equatable {
        package var year: Int
        /// 1 to 12.
        package var month: Int
        /// 1 to 31.
        package var day: Int
        package var hour = 0
        package var minute = 0
        package var second = 0

        /// Days from 1970-01-01; negative before.
        package var daysSinceEpoch: Int64 {
            // Years start in March, so that the leap day is the last one.
            let shifted = Int64(month <= 2 ? year - 1 : year)
            let era = (shifted >= 0 ? shifted : shifted - 399) / 400
            let yearOfEra = shifted - era * 400
            let dayOfYear = Int64((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1)
            return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        }

        /// Seconds from 1970-01-01T00:00:00, taken as UTC.
        package var secondsSinceEpoch: Int64 {
            daysSinceEpoch * 86_400 + Int64(hour * 3_600 + minute * 60 + second)
        }

        /// 0 is Sunday.
        package var weekday: Int { Int(((daysSinceEpoch + 4) % 7 + 7) % 7) }

        /// 0 is January 1st.
        package var dayOfYear: Int {
            Int(daysSinceEpoch - Civil(year: year, month: 1, day: 1).daysSinceEpoch)
        }

        package init(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
            (self.year, self.month, self.day) = (year, month, day)
            (self.hour, self.minute, self.second) = (hour, minute, second)
        }

        package init(secondsSinceEpoch seconds: Int64) {
            let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
            let rest = Int(seconds - days * 86_400)
            let shifted = days + 719_468
            let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
            let dayOfEra = shifted - era * 146_097
            let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
            let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
            let shiftedMonth = (5 * dayOfYear + 2) / 153
            day = Int(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
            month = Int(shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9)
            year = Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0)
            hour = rest / 3_600
            minute = rest / 60 % 60
            second = rest % 60
        }

        package static func daysInMonth(_ month: Int, ofYear year: Int) -> Int {
            switch month {
            case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
            case 4, 6, 9, 11: 30
            default: 31
            }
        }
    }

    /// `2026-01-31T12:00:00.25+01:00`, with up to nine fractional digits; `nil` for anything else.
    ///
    /// - Source: RFC 3339, section 5.6, without leap seconds.
    package init?(rfc3339 text: String) {
        var reader = DigitReader(Array(text.utf8))
        guard let year = reader.number(digits: 4), reader.take("-"),
            let month = reader.number(digits: 2), (1...12).contains(month), reader.take("-"),
            let day = reader.number(digits: 2), day >= 1, day <= Civil.daysInMonth(month, ofYear: year),
            reader.take("T") || reader.take("t"),
            let hour = reader.number(digits: 2), hour < 24, reader.take(":"),
            let minute = reader.number(digits: 2), minute < 60, reader.take(":"),
            let second = reader.number(digits: 2), second < 60
        else { return nil }
        guard let nanoseconds = reader.take(".") ? reader.fraction() : 0 else { return nil }
        guard let offset = reader.take("Z") || reader.take("z") ? 0 : reader.offset(), reader.isAtEnd else {
            return nil
        }
        let civil = Civil(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
        self.init(seconds: civil.secondsSinceEpoch - Int64(offset), nanoseconds: Int32(nanoseconds))
    }

    /// In UTC, with as many fractional digits as are needed: `2026-01-31T11:00:00.25Z`.
    package var rfc3339: String {
        let civil = Civil(secondsSinceEpoch: seconds)
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.count)) + digits
        }
        let date = "\(padded(civil.year, 4))-\(padded(civil.month, 2))-\(padded(civil.day, 2))"
        let time = "\(padded(civil.hour, 2)):\(padded(civil.minute, 2)):\(padded(civil.second, 2))"
        return "\(date)T\(time)\(Self.fraction(nanoseconds: Int(nanoseconds)))Z"
    }

    /// `.25`, or nothing for zero.
    static func fraction(nanoseconds: Int) -> String {
        guard nanoseconds != 0 else { return "" }
        var digits = String(1_000_000_000 + nanoseconds).dropFirst()
        while digits.last == "0" { digits.removeLast() }
        return "." + digits
    }
}

private struct DigitReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard position < bytes.count, UInt32(bytes[position]) == character.value else { return false }
        position += 1
        return true
    }

    mutating func number(digits: Int) -> Int? {
        var value = 0
        for _ in 0..<digits {
            guard let digit = digit() else { return nil }
            value = value * 10 + digit
        }
        return value
    }

    /// Nanoseconds.
    mutating func fraction() -> Int? {
        guard var value = digit() else { return nil }
        var count = 1
        while let next = digit() {
            count += 1
            guard count <= 9 else { return nil }
            value = value * 10 + next
        }
        for _ in count..<9 { value *= 10 }
        return value
    }

    /// Seconds east of UTC.
    mutating func offset() -> Int? {
        let sign = take("+") ? 1 : take("-") ? -1 : 0
        guard sign != 0, let hours = number(digits: 2), hours < 24, take(":"),
            let minutes = number(digits: 2), minutes < 60
        else { return nil }
        return sign * (hours * 3_600 + minutes * 60)
    }

    private mutating func digit() -> Int? {
        guard position < bytes.count, (48...57).contains(bytes[position]) else { return nil }
        position += 1
        return Int(bytes[position - 1]) - 48
    }
}
