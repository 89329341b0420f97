import PatchbayEvents
import PatchbayExpressions

/// Whether a breaker's trip condition can be true for any counts that can come about.
///
/// Exact for conditions that only compare the counts with numbers and each other: then each comparison changes its value
/// only at these numbers, and the counts around them stand for all. About other conditions nothing is claimed.
struct TripReach {
    /// Calls that can end within the interval; `nil` is without bound.
    var requestsMax: Int?
    /// Whether a call can be slow.
    var hasSlowCalls = true

    /// Counts of which any is 100 years of a call each nanosecond.
    private static let unbounded = Int64(1) << 53
    private static let combinationsMax = 200_000

    /// `nil` where it is not known.
    func canTrip(_ condition: String) -> Bool? {
        let expression: Expression
        let thresholds: [Double]
        do throws(ExpressionError) {
            guard let found = try ExpressionOutline(condition).thresholds else { return nil }
            thresholds = found
            expression = try Expression(
                condition, in: ExpressionEnvironment(variables: Configuration.tripVariables))
        } catch {
            return nil
        }
        let most = requestsMax.map(Int64.init) ?? Self.unbounded
        guard most > 0 else { return false }
        let counts = self.counts(thresholds, most)
        let ratios = self.ratios(thresholds)
        let slow = hasSlowCalls ? ratios : [0]
        guard counts.count * counts.count * ratios.count * slow.count <= Self.combinationsMax else { return nil }
        // The condition is asked when a call has failed or was slow.
        for requests in counts where requests >= 1 {
            for failures in counts where failures <= requests {
                for failureRatio in ratios where failures == 0 || failureRatio > 0 {
                    for slowRatio in slow where failures > 0 || slowRatio > 0 {
                        let values: [Value] = [
                            .int(failures), .int(requests), .double(failureRatio), .double(slowRatio),
                        ]
                        if expression.matches(nil, variables: values) == .yes { return true }
                    }
                }
            }
        }
        return false
    }

    /// Whole numbers around the thresholds, from 0 to `most`.
    private func counts(_ thresholds: [Double], _ most: Int64) -> [Int64] {
        var found: Set<Int64> = [0, 1, most]
        for threshold in thresholds where abs(threshold) < 1e15 {
            let whole = Int64(threshold.rounded(.down))
            for number in whole - 1...whole + 2 where (0...most).contains(number) { found.insert(number) }
        }
        return found.sorted()
    }

    /// The thresholds from 0 to 1, and a number between each two.
    private func ratios(_ thresholds: [Double]) -> [Double] {
        let edges = Set(thresholds.filter { (0...1).contains($0) } + [0, 1]).sorted()
        return edges + zip(edges, edges.dropFirst()).map { ($0 + $1) / 2 }
    }
}
