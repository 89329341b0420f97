import PatchbayDispatch

/// What becomes of a version that has a share of a module's calls, beside the one that has the rest: it gets all of them,
/// or none any more. A value; counts and time come in.
package struct CanaryRule: Sendable, Equatable {
    enum Verdict: Equatable {
        case undecided
        case promote
        /// With what is wrong.
        case takeBack(String)
    }

    /// It is looked at for so many nanoseconds,
    package var time: UInt64 = 300_000_000_000
    /// and until so many of its calls have ended.
    package var callsMin: UInt64 = 100
    /// Fewer failures say nothing.
    var failuresMin: UInt64 = 5
    /// It may fail so much more often than the other version, as a factor and a share beside it,
    var failedFactor = 2.0
    var failedMore = 0.01
    /// and take so much longer on the average, as a factor and nanoseconds beside it.
    var timeFactor = 2.0
    var timeMore = 10_000_000.0

    package init() {}

    /// - Parameters:
    ///   - beside: of the version that has the rest, since the canary began.
    ///   - elapsed: nanoseconds since then.
    func verdict(canary: CodeCounts, beside: CodeCounts, elapsed: UInt64) -> Verdict {
        let (share, shareBeside) = (canary.failedShare, beside.failedShare)
        if canary.failed >= failuresMin, share > shareBeside * failedFactor + failedMore {
            return .takeBack(
                "\(canary.failed) of its \(canary.total) calls failed, beside it \(beside.failed) of \(beside.total)")
        }
        guard canary.ended >= callsMin else { return .undecided }
        let (mean, meanBeside) = (canary.meanNanoseconds, beside.meanNanoseconds)
        if beside.ended >= callsMin, mean > meanBeside * timeFactor + timeMore {
            return .takeBack(
                "its calls take \(Self.milliseconds(mean)) on the average, beside it \(Self.milliseconds(meanBeside))")
        }
        return elapsed >= time ? .promote : .undecided
    }

    private static func milliseconds(_ nanoseconds: Double) -> String { "\((nanoseconds / 1e5).rounded() / 10) ms" }
}

extension CodeCounts {
    /// A call that the host gave up on has failed, and may not have ended.
    var total: UInt64 { max(ended, failed) }
    var failedShare: Double { total == 0 ? 0 : Double(failed) / Double(total) }
    var meanNanoseconds: Double { ended == 0 ? 0 : Double(nanoseconds) / Double(ended) }
}
