/// When to send a failed OTLP request again; pure.
///
/// Waits grow from `first` by `factor` to `longest`, each drawn from its upper half; a receiver's `Retry-After` is
/// honoured instead, and when it or the waits pass `total`, the request is given up.
///
/// - Source: OTLP specification, "Failures" and "Throttling" of OTLP/HTTP
struct RetryBackoff: Hashable, Sendable {
    /// Nanoseconds.
    struct Configuration: Hashable, Sendable {
        var first: UInt64 = 1_000_000_000
        var factor = 2.0
        var longest: UInt64 = 30_000_000_000
        var total: UInt64 = 60_000_000_000
    }

    private let configuration: Configuration
    private var next: UInt64
    private var waited: UInt64 = 0

    init(_ configuration: Configuration) {
        self.configuration = configuration
        next = configuration.first
    }

    /// The next wait in nanoseconds, `nil` to give up.
    ///
    /// - Parameter random: uniform over all values.
    mutating func wait(retryAfter: UInt64?, random: UInt64) -> UInt64? {
        let half = next / 2
        let wait = retryAfter ?? half + random % (half + 1)
        next = min(UInt64(Double(next) * configuration.factor), configuration.longest)
        let (sum, overflow) = waited.addingReportingOverflow(wait)
        guard !overflow, sum <= configuration.total else { return nil }
        waited = sum
        return wait
    }

    /// Whether a response's status asks for another try.
    static func isRetryable(status: Int) -> Bool { [429, 502, 503, 504].contains(status) }
}
