/// Two handlers' records of the same events, compared. A value; memory is bounded by what is kept of the differences.
package struct Comparison: Sendable {
    /// What differs of one event.
    package struct Difference: Sendable {
        package enum Part: String, Sendable, CaseIterable { case result, emits, state, timers }

        package var parts: [Part]
        package var present: TrialRecord
        package var candidate: TrialRecord
    }

    /// One handler over all events.
    package struct Side: Sendable {
        /// By outcome.
        package fileprivate(set) var outcomes: [String: Int] = [:]
        package fileprivate(set) var emitted = 0
        fileprivate var durations = DurationHistogram()

        /// Nanoseconds that a share of the calls took at most, a thirty-second too high at most; 0 without a call.
        package func duration(_ share: Double) -> UInt64 { durations.value(share) }

        fileprivate mutating func add(_ record: TrialRecord) {
            outcomes[record.outcome, default: 0] += 1
            emitted += record.emits.count
            durations.add(record.nanoseconds)
        }
    }

    package private(set) var events = 0
    package private(set) var present = Side()
    package private(set) var candidate = Side()
    /// Events with a difference.
    package private(set) var differing = 0
    /// By what differs.
    package private(set) var parts: [Difference.Part: Int] = [:]
    /// The first of them.
    package private(set) var differences: [Difference] = []
    private let keptMax: Int

    /// - Parameter keptMax: differences that are kept; all are counted.
    package init(keptMax: Int = 1_000) { self.keptMax = keptMax }

    package var isSame: Bool { differing == 0 }

    /// Takes what both made of one event.
    package mutating func add(_ present: TrialRecord, _ candidate: TrialRecord) {
        events += 1
        self.present.add(present)
        self.candidate.add(candidate)
        var parts: [Difference.Part] = []
        if (present.outcome, present.code, present.failureClass)
            != (candidate.outcome, candidate.code, candidate.failureClass)
        {
            parts.append(.result)
        }
        if present.emits != candidate.emits { parts.append(.emits) }
        if present.state != candidate.state { parts.append(.state) }
        if present.timers != candidate.timers { parts.append(.timers) }
        guard !parts.isEmpty else { return }
        differing += 1
        for part in parts { self.parts[part, default: 0] += 1 }
        if differences.count < keptMax {
            differences.append(Difference(parts: parts, present: present, candidate: candidate))
        }
    }
}

/// Durations in 32 steps for each power of two: 2,048 counts whatever comes.
struct DurationHistogram: Sendable {
    private var counts = [Int](repeating: 0, count: 64 * 32)
    private var total = 0

    mutating func add(_ nanoseconds: UInt64) {
        counts[Self.index(nanoseconds)] += 1
        total += 1
    }

    /// The highest value of the step in which the share is reached.
    func value(_ share: Double) -> UInt64 {
        guard total > 0 else { return 0 }
        let wanted = max(1, Int((share * Double(total)).rounded(.up)))
        var seen = 0
        for index in counts.indices {
            seen += counts[index]
            if seen >= wanted { return Self.top(index) }
        }
        return Self.top(counts.count - 1)
    }

    private static func index(_ value: UInt64) -> Int {
        guard value >= 32 else { return Int(value) }
        let power = 63 - value.leadingZeroBitCount
        return (power - 4) * 32 + Int(value >> UInt64(power - 5)) - 32
    }

    private static func top(_ index: Int) -> UInt64 {
        guard index >= 32 else { return UInt64(index) }
        let power = index / 32 + 4
        let width: UInt64 = 1 << UInt64(power - 5)
        return (UInt64(index % 32 + 32) * width) &+ (width - 1)
    }
}
