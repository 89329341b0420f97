import Glibc

/// Moments as nanoseconds since the Unix epoch.
package enum UnixTime {
    /// The present, by the system's clock.
    package static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(max(0, time.tv_sec)) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// A moment as RFC 3339 writes it; nil for other texts, for a moment before 1970, and from the year 2500 on.
    package static func parse(_ text: String) -> UInt64? {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int? {
            guard range.upperBound <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[range] {
                guard byte >= 0x30, byte <= 0x39 else { return nil }
                value = value * 10 + Int(byte - 0x30)
            }
            return value
        }
        func has(_ characters: StaticString, at index: Int) -> Bool {
            bytes.indices.contains(index) && characters.withUTF8Buffer { $0.contains(bytes[index]) }
        }
        guard let year = number(0..<4), has("-", at: 4), let month = number(5..<7), has("-", at: 7),
            let day = number(8..<10), has("Tt ", at: 10), let hour = number(11..<13), has(":", at: 13),
            let minute = number(14..<16), has(":", at: 16), let second = number(17..<19),
            (1970..<2500).contains(year), (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60,
            second < 61
        else { return nil }
        var at = 19
        if has(".", at: at) {
            at += 1
            while at < bytes.count, bytes[at] >= 0x30, bytes[at] <= 0x39 { at += 1 }
        }
        var offset = 0
        if has("Zz", at: at) {
            at += 1
        } else {
            guard has("+-", at: at), let hours = number(at + 1..<at + 3), has(":", at: at + 3),
                let minutes = number(at + 4..<at + 6)
            else { return nil }
            offset = (hours * 60 + minutes) * (has("-", at: at) ? -60 : 60)
            at += 6
        }
        guard at == bytes.count else { return nil }
        let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset
        return seconds < 0 ? nil : UInt64(seconds) * 1_000_000_000
    }

    /// A moment as RFC 3339 writes it, in whole seconds of UTC.
    package static func text(_ nanoseconds: UInt64) -> String {
        let time = parts(nanoseconds)
        return "\(Int(time.tm_year) + 1900)-\(two(time.tm_mon + 1))-\(two(time.tm_mday))T"
            + "\(two(time.tm_hour)):\(two(time.tm_min)):\(two(time.tm_sec))Z"
    }

    /// A moment as mail writes it (RFC 5322, clause 3.3), in UTC.
    package static func mailDate(_ nanoseconds: UInt64) -> String {
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let time = parts(nanoseconds)
        return
            "\(days[Int(time.tm_wday)]), \(two(time.tm_mday)) \(months[Int(time.tm_mon)]) \(Int(time.tm_year) + 1900) "
            + "\(two(time.tm_hour)):\(two(time.tm_min)):\(two(time.tm_sec)) +0000"
    }

    private static func parts(_ nanoseconds: UInt64) -> tm {
        var seconds = time_t(nanoseconds / 1_000_000_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        return parts
    }

    private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : String(number) }

    /// Days from 1970-01-01, in the Gregorian calendar.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        // Years that begin in March, so that the leap day is their last one.
        let shifted = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }
}
