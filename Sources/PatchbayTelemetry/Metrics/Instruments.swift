import Synchronization

/// A sum that only grows. Any thread; one atomic addition.
package final class Counter: Sendable {
    private let total = Atomic<UInt64>(0)

    init() {}

    package func add(_ amount: UInt64 = 1) { total.wrappingAdd(amount, ordering: .relaxed) }

    package var value: UInt64 { total.load(ordering: .relaxed) }
}

/// A value that goes up and down. Any thread.
package final class Gauge: Sendable {
    private let bits = Atomic<UInt64>(0)

    init() {}

    package func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

    /// Lock-free; repeats when another thread was quicker.
    package func add(_ amount: Double) { addDouble(amount, to: bits) }

    package var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }
}

/// A distribution in exponential buckets, four to each doubling: any quantile within 19 %. Any thread; lock-free.
///
/// Values at or below 0, and not-a-number, count as zero; those beyond 2^-32 … 2^64 fall into the outermost buckets.
///
/// - Source: OpenTelemetry data model, "ExponentialHistogram", scale 2
package final class Histogram: Sendable {
    static let scale: Int32 = 2
    static let firstIndex: Int32 = -32 * 4
    static let bucketCount = 96 * 4

    private let buckets: Buckets
    private let zeros = Atomic<UInt64>(0)
    private let sum = Atomic<UInt64>(0)
    private let least = Atomic<UInt64>(Double.infinity.bitPattern)
    private let greatest = Atomic<UInt64>((-Double.infinity).bitPattern)

    init() { buckets = Buckets() }

    package func record(_ value: Double) {
        if value > 0 {
            buckets[Int(Self.index(of: value) - Self.firstIndex)].wrappingAdd(1, ordering: .relaxed)
        } else {
            zeros.wrappingAdd(1, ordering: .relaxed)
            if value.isNaN { return }
        }
        addDouble(value, to: sum)
        replace(least, by: value) { $0 < $1 }
        replace(greatest, by: value) { $0 > $1 }
    }

    /// What was recorded so far; concurrent records may be in one part and not yet in another.
    package var snapshot: HistogramSnapshot {
        var counts: [UInt64] = []
        counts.reserveCapacity(Self.bucketCount)
        for place in 0..<Self.bucketCount { counts.append(buckets[place].load(ordering: .relaxed)) }
        let first = counts.firstIndex { $0 != 0 } ?? 0
        let end = (counts.lastIndex { $0 != 0 } ?? -1) + 1
        return HistogramSnapshot(
            zeros: zeros.load(ordering: .relaxed), firstIndex: Self.firstIndex + Int32(first),
            counts: first < end ? Array(counts[first..<end]) : [],
            sum: Double(bitPattern: sum.load(ordering: .relaxed)),
            least: Double(bitPattern: least.load(ordering: .relaxed)),
            greatest: Double(bitPattern: greatest.load(ordering: .relaxed)))
    }

    /// The bucket `i` with 2^(i/4) < value ≤ 2^((i+1)/4), within what is kept.
    static func index(of value: Double) -> Int32 {
        guard value.isFinite else { return firstIndex + Int32(bucketCount) - 1 }
        let exponent = Int32(value.exponent)
        let significand = value.significand
        // Bounds belong to the bucket below them.
        let quarter: Int32 =
            significand > 1.681792830507429
            ? 3
            : significand > 1.4142135623730951
                ? 2
                : significand > 1.189207115002721 ? 1 : significand > 1 ? 0 : -1
        return min(max(exponent * 4 + quarter, firstIndex), firstIndex + Int32(bucketCount) - 1)
    }
}

/// What a histogram holds at one moment.
package struct HistogramSnapshot: Hashable, Sendable {
    package var zeros: UInt64
    /// The index of `counts[0]`.
    package var firstIndex: Int32
    package var counts: [UInt64]
    package var sum: Double
    /// Infinity while empty.
    package var least: Double
    /// Negative infinity while empty.
    package var greatest: Double

    package var count: UInt64 { counts.reduce(zeros, +) }

    /// The upper bound of the bucket where the `quantile`, 0 … 1, lies; 0 while empty.
    package func quantile(_ quantile: Double) -> Double {
        let total = count
        if total == 0 { return 0 }
        let rank = max(UInt64((Double(total) * quantile).rounded(.up)), 1)
        var seen = zeros
        if rank <= seen { return 0 }
        for (place, bucket) in counts.enumerated() {
            seen += bucket
            if rank <= seen { return min(exponentOfTwo(Double(firstIndex + Int32(place) + 1) / 4), greatest) }
        }
        return greatest
    }
}

private final class Buckets: @unchecked Sendable {
    // Invariant: the memory lives as long as the object, and is touched through atomics only.
    private let base: UnsafeMutablePointer<Atomic<UInt64>>

    init() {
        base = .allocate(capacity: Histogram.bucketCount)
        for place in 0..<Histogram.bucketCount { (base + place).initialize(to: Atomic(0)) }
    }

    deinit {
        base.deinitialize(count: Histogram.bucketCount)
        base.deallocate()
    }

    subscript(place: Int) -> Atomic<UInt64> {
        _read { yield base[place] }
    }
}

private func addDouble(_ amount: Double, to bits: borrowing Atomic<UInt64>) {
    var seen = bits.load(ordering: .relaxed)
    while true {
        let sum = (Double(bitPattern: seen) + amount).bitPattern
        let (won, now) = bits.weakCompareExchange(expected: seen, desired: sum, ordering: .relaxed)
        if won { return }
        seen = now
    }
}

private func replace(_ bits: borrowing Atomic<UInt64>, by value: Double, if wins: (Double, Double) -> Bool) {
    var seen = bits.load(ordering: .relaxed)
    while wins(value, Double(bitPattern: seen)) {
        let (won, now) = bits.weakCompareExchange(expected: seen, desired: value.bitPattern, ordering: .relaxed)
        if won { return }
        seen = now
    }
}
