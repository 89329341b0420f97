import ArgumentParser
import PatchbayEvents
import PatchbayRuntime

/// A point in time: RFC 3339, or before now, such as `-2h`.
struct TimePoint: ExpressibleByArgument {
    private enum Form {
        case absolute(UInt64)
        case ago(UInt64)
    }

    private let form: Form

    init?(argument: String) {
        if argument.hasPrefix("-") {
            guard let duration = Duration(unitText: String(argument.dropFirst())),
                let nanoseconds = duration.nanoseconds64,
                nanoseconds >= 0
            else { return nil }
            form = .ago(UInt64(nanoseconds))
        } else {
            guard let time = Value.Timestamp(rfc3339: argument), time.seconds >= 0, time.seconds < 18_000_000_000 else {
                return nil
            }
            form = .absolute(UInt64(time.seconds) * 1_000_000_000 + UInt64(time.nanoseconds))
        }
    }

    /// In Unix nanoseconds.
    func time(now: UInt64) -> UInt64 {
        switch form {
        case .absolute(let time): time
        case .ago(let nanoseconds): now > nanoseconds ? now - nanoseconds : 0
        }
    }
}

/// How fast a replay goes: `max`, `50/s`, `1x`, `10x`.
struct SpeedOption: ExpressibleByArgument {
    static let max = SpeedOption(speed: .max)

    let speed: ReplaySpeed

    private init(speed: ReplaySpeed) { self.speed = speed }

    init?(argument: String) {
        if argument == "max" {
            self = .max
        } else if let rate = Rate(argument: argument) {
            self.init(speed: .rate(rate.perSecond))
        } else if argument.hasSuffix("x"), let times = Double(argument.dropLast()), times >= 0.001, times <= 1e6 {
            self.init(speed: .times(times))
        } else {
            return nil
        }
    }
}
