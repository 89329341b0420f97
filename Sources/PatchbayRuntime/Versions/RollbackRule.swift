import PatchbayDispatch

/// When a new version of a module has to give its place back: its calls fail, and those of the version before did not.
///
/// A value; counts and time come in.
struct RollbackRule: Sendable, Equatable {
    enum Verdict: Equatable {
        case undecided
        /// Its time is over, or it has had its calls.
        case stays
        /// With what is wrong.
        case goesBack(String)
    }

    /// Fewer failures say nothing. A breaker with the default trip condition opens after six.
    var failuresMin: UInt64 = 5
    /// Of the calls that have ended.
    var failedShareMin = 0.5
    /// The version before, in its last ten to twenty seconds, has to have failed less than the new one by this factor.
    var betterBy = 2.0
    /// The new version is looked at for so many nanoseconds,
    var timeMax: UInt64 = 30_000_000_000
    /// or for so many calls.
    var callsMax: UInt64 = 10_000

    /// - Parameters:
    ///   - before: of the version before, shortly before the change; without calls it counts as good.
    ///   - since: of the new one, so far.
    ///   - elapsed: nanoseconds since the change.
    func verdict(before: CodeCounts, since: CodeCounts, elapsed: UInt64) -> Verdict {
        let share = since.failedShare
        if since.failed >= failuresMin, share >= failedShareMin, before.failedShare * betterBy < share {
            return .goesBack(
                "\(since.failed) of its \(since.total) calls failed, before it \(before.failed) of \(before.total)")
        }
        return elapsed >= timeMax || since.ended >= callsMax ? .stays : .undecided
    }
}
