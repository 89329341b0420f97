import ArgumentParser

/// So many a second: `50/s`, `0.5/s`.
struct Rate: ExpressibleByArgument {
    /// A second; above 0.
    let perSecond: Double

    init?(argument: String) {
        guard argument.hasSuffix("/s"), let rate = Double(argument.dropLast(2)), rate.isFinite, rate >= 0.001 else {
            return nil
        }
        perSecond = min(rate, 1e9)
    }
}
