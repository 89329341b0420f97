/// A trace's identity: 128 bits, most significant half first; all zero is invalid.
package struct TraceID: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package var isValid: Bool { high | low != 0 }
}

/// What one span hands to the next: trace, span, flags. A value of 32 bytes without references.
///
/// - Source: W3C Trace Context, https://www.w3.org/TR/trace-context/
package struct TraceContext: Hashable, Sendable {
    /// The W3C flag bits.
    package enum Flag {
        package static let sampled: UInt8 = 0x01
        /// Level 2: the low 56 bits of the trace id are random.
        package static let random: UInt8 = 0x02
    }

    package var traceID: TraceID
    /// The span that acts; 0 is invalid.
    package var spanID: UInt64
    package var flags: UInt8
    /// Whether it came with an event from outside of this host.
    package var isRemote: Bool

    package init(traceID: TraceID, spanID: UInt64, flags: UInt8, isRemote: Bool = false) {
        self.traceID = traceID
        self.spanID = spanID
        self.flags = flags
        self.isRemote = isRemote
    }

    /// No trace: what an event without `traceparent` brings.
    package static let none = TraceContext(traceID: TraceID(high: 0, low: 0), spanID: 0, flags: 0)

    package var isValid: Bool { traceID.isValid && spanID != 0 }
    package var isSampled: Bool { flags & Flag.sampled != 0 }

    /// The context of a child span: same trace, same flags, made here.
    package func child(spanID: UInt64) -> TraceContext {
        TraceContext(traceID: traceID, spanID: spanID, flags: flags)
    }
}
