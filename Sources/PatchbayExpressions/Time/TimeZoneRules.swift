import PatchbayEvents
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// How far a place's clock is from UTC, and when that changes.
///
/// - Source: RFC 8536 (TZif), read from the system's time zone database.
package final class TimeZoneRules: Sendable {
    private let transitions: [Int64]
    /// Seconds east of UTC after the transition of the same index.
    private let offsets: [Int]
    private let firstOffset: Int
    private let footer: RecurringRules?

    /// A zone that never changes.
    package init(secondsEast: Int) {
        (transitions, offsets, firstOffset, footer) = ([], [], secondsEast, nil)
    }

    /// Seconds east of UTC at an instant, given in seconds since 1970.
    package func secondsEast(at instant: Int64) -> Int {
        var (low, high) = (0, transitions.count)
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= instant { low = middle + 1 } else { high = middle }
        }
        if low == transitions.count, let footer { return footer.secondsEast(at: instant) }
        return low == 0 ? firstOffset : offsets[low - 1]
    }

    // MARK: - By name

    private static let cache = Mutex<[String: TimeZoneRules]>([:])
    private static let folders = ["/usr/share/zoneinfo/", "/usr/lib/zoneinfo/", "/etc/zoneinfo/"]
    private static let cachedMax = 1_000

    /// `UTC`, an offset such as `+05:30`, `-02:00` or `05:30`, or a name of the system's database such as
    /// `Europe/Paris`; `nil` for anything else.
    ///
    /// - Concurrency: any thread; reads a small file the first time that a name is used.
    package static func named(_ name: String) -> TimeZoneRules? {
        if name == "UTC" || name == "Z" || name.isEmpty { return TimeZoneRules(secondsEast: 0) }
        if let offset = offset(name) { return TimeZoneRules(secondsEast: offset) }
        if let known = cache.withLock({ $0[name] }) { return known }
        let isPlain = name.utf8.allSatisfy {
            (97...122).contains($0 | 0x20) || (48...57).contains($0) || "/_+-".utf8.contains($0)
        }
        guard isPlain, name.utf8.count <= 64, !name.hasPrefix("/") else { return nil }
        for folder in folders {
            guard let bytes = read(folder + name), let rules = TimeZoneRules(tzif: bytes) else { continue }
            cache.withLock { if $0.count < cachedMax { $0[name] = rules } }
            return rules
        }
        return nil
    }

    private static func offset(_ text: String) -> Int? {
        let sign = text.hasPrefix("-") ? -1 : 1
        let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
        let parts = digits.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2,
            parts.allSatisfy({ part in part.utf8.count == 2 && part.utf8.allSatisfy { (48...57).contains($0) } }),
            let hours = Int(parts[0]), let minutes = Int(parts[1]), hours <= 23, minutes <= 59
        else { return nil }
        return sign * (hours * 3_600 + minutes * 60)
    }

    private static func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "rbe") else { return nil }
        defer { fclose(file) }
        let room = 1 << 20
        let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            count = fread(buffer.baseAddress, 1, room, file)
        }
        return bytes.count < room ? bytes : nil
    }

    // MARK: - TZif

    /// `nil` for what is not a file of version 2 or later.
    package init?(tzif bytes: [UInt8]) {
        guard let first = Header(bytes, at: 0), first.version >= UInt8(ascii: "2"),
            let header = Header(bytes, at: Header.length + first.bodyLength(timeBytes: 4))
        else { return nil }
        let timesStart = header.end
        let indicesStart = timesStart + header.times * 8
        let typesStart = indicesStart + header.times
        let footerStart = header.end + header.bodyLength(timeBytes: 8)
        guard footerStart <= bytes.count, header.types > 0 else { return nil }
        let types = (0..<header.types).map { index in
            Int(Int32(truncatingIfNeeded: Self.integer(bytes, at: typesStart + index * 6, length: 4)))
        }
        let indices = bytes[indicesStart..<typesStart].map { Int($0) }
        guard indices.allSatisfy({ $0 < types.count }) else { return nil }
        transitions = (0..<header.times).map { Self.integer(bytes, at: timesStart + $0 * 8, length: 8) }
        offsets = indices.map { types[$0] }
        firstOffset = types[0]
        let text = bytes[footerStart...].drop { $0 == 10 }.prefix { $0 != 10 }
        footer = RecurringRules(posix: String(decoding: text, as: UTF8.self))
        guard zip(transitions, transitions.dropFirst()).allSatisfy({ $0 < $1 }) else { return nil }
    }

    private static func integer(_ bytes: [UInt8], at offset: Int, length: Int) -> Int64 {
        let value = bytes[offset..<offset + length].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Int64(bitPattern: value)
    }

    private struct Header {
        static let length = 44
        let version: UInt8
        let end: Int
        private let utIndicators, standardIndicators, leaps: Int
        let times: Int
        let types: Int
        private let characters: Int

        init?(_ bytes: [UInt8], at offset: Int) {
            guard offset >= 0, offset + Self.length <= bytes.count, bytes[offset...].starts(with: "TZif".utf8) else {
                return nil
            }
            let counts = (0..<6).map { Int(TimeZoneRules.integer(bytes, at: offset + 20 + $0 * 4, length: 4)) }
            guard counts.allSatisfy({ $0 < 1 << 16 }) else { return nil }
            (utIndicators, standardIndicators, leaps) = (counts[0], counts[1], counts[2])
            (times, types, characters) = (counts[3], counts[4], counts[5])
            version = bytes[offset + 4]
            end = offset + Self.length
        }

        func bodyLength(timeBytes: Int) -> Int {
            times * (timeBytes + 1) + types * 6 + characters + leaps * (timeBytes + 4) + standardIndicators
                + utIndicators
        }
    }
}
