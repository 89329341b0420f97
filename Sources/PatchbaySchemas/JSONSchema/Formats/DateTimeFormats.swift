/// Dates and times of RFC 3339, section 5.6 and appendix A.
enum DateTimeFormats {
    typealias Bytes = Substring.UTF8View

    static func isDateTime(_ text: String) -> Bool {
        let bytes = text.utf8[...]
        guard let separator = bytes.firstIndex(where: { $0 | 0x20 == UInt8(ascii: "t") }) else { return false }
        return isDate(bytes[..<separator]) && isTime(bytes[bytes.index(after: separator)...])
    }

    static func isDate(_ bytes: Bytes) -> Bool {
        var reader = Reader(rest: bytes)
        guard let year = reader.number(digits: 4), reader.take("-"), let month = reader.number(digits: 2),
            reader.take("-"), let day = reader.number(digits: 2), reader.isAtEnd
        else { return false }
        guard (1...12).contains(month) else { return false }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        return (1...days[month - 1]).contains(day)
    }

    /// With an offset; second 60 only where it is 23:59:60 UTC.
    static func isTime(_ bytes: Bytes) -> Bool {
        var reader = Reader(rest: bytes)
        guard let hour = reader.number(digits: 2), reader.take(":"), let minute = reader.number(digits: 2),
            reader.take(":"), let second = reader.number(digits: 2)
        else { return false }
        if reader.take("."), reader.digits() == 0 { return false }
        var offset = 0
        if !reader.take("Z"), !reader.take("z") {
            let sign: Int
            if reader.take("+") { sign = 1 } else if reader.take("-") { sign = -1 } else { return false }
            guard let hours = reader.number(digits: 2), reader.take(":"), let minutes = reader.number(digits: 2),
                hours < 24, minutes < 60
            else { return false }
            offset = sign * (hours * 60 + minutes)
        }
        guard reader.isAtEnd, hour < 24, minute < 60 else { return false }
        let minuteOfDayUTC = (hour * 60 + minute - offset + 2 * 1440) % 1440
        return second < 60 || (second == 60 && minuteOfDayUTC == 1439)
    }

    static func isDuration(_ text: String) -> Bool {
        var reader = Reader(rest: text.utf8[...])
        guard reader.take("P") else { return false }
        // Weeks stand alone.
        var weeks = reader
        if weeks.digits() > 0, weeks.take("W") { return weeks.isAtEnd }
        let date = reader.components(["Y", "M", "D"])
        guard let date else { return false }
        guard reader.take("T") else { return date > 0 && reader.isAtEnd }
        guard let time = reader.components(["H", "M", "S"]) else { return false }
        return time > 0 && reader.isAtEnd
    }

    private struct Reader {
        var rest: Bytes

        var isAtEnd: Bool { rest.isEmpty }

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard rest.first == UInt8(ascii: character) else { return false }
            rest.removeFirst()
            return true
        }

        mutating func digits() -> Int {
            let digits = rest.prefix { $0.isASCIIDigit }
            rest = rest[digits.endIndex...]
            return digits.count
        }

        mutating func number(digits: Int) -> Int? {
            var number = 0
            for _ in 0..<digits {
                guard let byte = rest.first, byte.isASCIIDigit else { return nil }
                number = number * 10 + Int(byte - UInt8(ascii: "0"))
                rest.removeFirst()
            }
            return number
        }

        /// How many components there are; they go down the units without a gap. `nil` when malformed.
        mutating func components(_ units: [Unicode.Scalar]) -> Int? {
            var count = 0
            var last: Int?
            while let byte = rest.first, byte.isASCIIDigit {
                _ = digits()
                guard let unit = units.firstIndex(where: { rest.first == UInt8(ascii: $0) }) else { return nil }
                if let last, unit != last + 1 { return nil }
                rest.removeFirst()
                last = unit
                count += 1
            }
            return count
        }
    }
}
