import ArgumentParser
import PatchbayConfiguration

/// A share of calls as it is written: `5%`, `0.5%`; up to half.
struct Percentage: ExpressibleByArgument, CustomStringConvertible {
    let ofTenThousand: UInt32

    init(ofTenThousand: UInt32) { self.ofTenThousand = ofTenThousand }

    init?(argument: String) {
        guard let number = Double(argument.hasSuffix("%") ? String(argument.dropLast()) : argument),
            number >= 0.01, number <= 50
        else { return nil }
        ofTenThousand = UInt32((number * 100).rounded())
    }

    var description: String {
        let whole = ofTenThousand / 100
        let rest = ofTenThousand % 100
        return rest == 0 ? "\(whole)%" : "\(whole).\(rest < 10 ? "0" : "")\(rest)%"
    }
}

/// A duration as configurations have it: `30s`, `5m`.
struct Period: ExpressibleByArgument {
    let nanoseconds: UInt64

    init?(argument: String) {
        guard let duration = DurationText.parse(argument), duration > .zero else { return nil }
        let (seconds, attoseconds) = duration.components
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return nil }
        nanoseconds = whole &+ UInt64(attoseconds / 1_000_000_000)
    }
}
