/// Decides from the trace id alone whether a trace is recorded, so every host decides alike.
///
/// The decision is one masked comparison: no clock, no randomness, no allocation.
///
/// - Source: OpenTelemetry, "TraceState: Probability Sampling": sampled when the 56 random bits are at or above the
///   rejection threshold.
package struct Sampler: Hashable, Sendable {
    /// 0 records everything, 2^56 nothing.
    package let rejectionThreshold: UInt64

    /// - Parameter ratio: the share of traces to record, clamped to 0 … 1; not a number records nothing.
    package init(ratio: Double) {
        let clamped = ratio.isNaN ? 0 : min(max(ratio, 0), 1)
        rejectionThreshold = UInt64(((1 - clamped) * Double(UInt64(1) << 56)).rounded())
    }

    package static let always = Sampler(ratio: 1)
    package static let never = Sampler(ratio: 0)

    /// The decision for a trace that begins here.
    package func samples(_ traceID: TraceID) -> Bool {
        traceID.low & 0x00ff_ffff_ffff_ffff >= rejectionThreshold
    }

    /// The decision for an event: its producer's where it brought a valid context, otherwise by `traceID`.
    package func samples(_ traceID: TraceID, parent: TraceContext) -> Bool {
        parent.isValid ? parent.isSampled : samples(traceID)
    }
}
