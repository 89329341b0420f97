import Foundation
import PatchbayEvents

/// How far the clocks of a place are before UTC, and when that changes.
package struct ZoneRules: Sendable {
    /// Seconds before UTC at a time in Unix seconds.
    package let offset: @Sendable (Int64) -> Int

    /// A fixed distance from UTC in seconds.
    package init(fixed seconds: Int) { offset = { _ in seconds } }

    package static let utc = ZoneRules(fixed: 0)

    /// A name of the tz database such as `Europe/Berlin`; `nil` when the system does not know it.
    package init?(identifier: String) {
        guard let zone = TimeZone(identifier: identifier) else { return nil }
        offset = { zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval($0))) }
    }

    /// What the wall clock shows.
    func civil(_ time: Int64) -> Value.Timestamp.Civil {
        Value.Timestamp.Civil(secondsSinceEpoch: time + Int64(offset(time)))
    }

    /// The next moment when the wall clock is at a multiple of `seconds`, at most an hour.
    func next(after time: Int64, every seconds: Int64) -> Int64 {
        let local = time + Int64(offset(time))
        let next = time + seconds - ((local % seconds) + seconds) % seconds
        // Clocks that change by part of an hour change where the wall clock's hour begins.
        let shift = Int64(offset(next) - offset(time))
        return shift % seconds == 0 ? next : max(time + 1, next - ((shift % seconds) + seconds) % seconds)
    }

    /// The first moment of the next day of the wall clock.
    func nextDay(after time: Int64) -> Int64 {
        let today = civil(time)
        let left = Int64(86_400 - (today.hour * 3_600 + today.minute * 60 + today.second))
        var next = time + left
        next += Int64(offset(time) - offset(next))
        // Where clocks change about midnight the day begins earlier or later than that.
        while civil(next).daysSinceEpoch == today.daysSinceEpoch { next += 1_800 }
        while civil(next - 1_800).daysSinceEpoch != today.daysSinceEpoch { next -= 1_800 }
        return max(time + 1, next)
    }
}
