/// How a shadow did beside the handler that got the events. sampled = tried + dropped + waiting.
package struct ShadowReport: Sendable {
    /// Differences that are kept; all are counted.
    package static let keptMax = 20

    package var route: String
    /// The handler that is tried, and its version.
    package var handler: String
    package var version: String
    /// The handler that got the events.
    package var beside: String
    /// The share of ordering keys, as `10%`.
    package var sample: String
    package var sampled: UInt64
    /// Not tried: the queue was full, the shadow had ended, or the run did.
    package var dropped: UInt64
    /// Not tried yet.
    package var waiting: UInt64
    /// Of those that were tried.
    package var comparison: Comparison
    /// `hang` or `late` once nothing more is tried since calls of it never ended.
    package var ended: String?

    package var title: String { version.isEmpty ? handler : "\(handler) \(version)" }
}
