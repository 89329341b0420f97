import Foundation
import PatchbayResilience

private let millisecond: UInt64 = 1_000_000
private let second = 1_000 * millisecond

/// A handler that works on `capacity` calls at a time, as nobody outside knows; further calls queue inside it.
struct HiddenCapacity {
    enum Noise: String, CaseIterable, Sendable {
        /// A tenth around the service time.
        case even
        /// A fifth of it, and an exponential rest: the mean is the service time.
        case exponential
        /// One call of a hundred takes ten times as long.
        case outliers
    }

    private(set) var capacity: Int
    /// Mean nanoseconds of a call that does not wait, outliers aside.
    var service: UInt64
    var noise: Noise
    /// Share of calls that never answer; they take up nothing.
    var hanging = 0.0
    /// Share of calls that fail in a quarter of the service time.
    var failing = 0.0
    private var freeAt: Heap<UInt64>

    init(_ capacity: Int, service: UInt64 = 100 * millisecond, noise: Noise = .even) {
        self.capacity = capacity
        self.service = service
        self.noise = noise
        freeAt = Heap(Array(repeating: 0, count: capacity))
    }

    /// Calls that wait inside keep their places as far as there are any.
    mutating func resize(to capacity: Int) {
        let kept = freeAt.elements.sorted().prefix(capacity)
        freeAt = Heap(kept + Array(repeating: 0, count: capacity - kept.count))
        self.capacity = capacity
    }

    /// Calls a second at best.
    var best: Double {
        Double(capacity) * 1e9 / (Double(service) * (noise == .outliers ? 1.09 : 1))
    }

    /// Nanoseconds of one call without waiting.
    func time(_ random: inout SeededRandom) -> UInt64 {
        let even = service - service / 10 + random.upTo(service / 5)
        switch noise {
        case .even: return even
        case .exponential:
            let chance = Double(random.upTo(1_000_000)) / 1_000_001
            return UInt64(Double(service) * (0.2 - 0.8 * log(1 - chance)))
        case .outliers: return random.upTo(100) == 0 ? service * 10 : even
        }
    }

    /// How a call that begins now ends, and when.
    mutating func call(at now: UInt64, _ random: inout SeededRandom) -> (end: UInt64, fails: Bool) {
        let chance = Double(random.upTo(1_000_000)) / 1_000_001
        if chance < hanging { return (.max, false) }
        if chance < hanging + failing { return (now + service / 4, true) }
        let end = max(now, freeAt.elements[0]) + time(&random)
        freeAt.replaceFirst(with: end)
        return (end, false)
    }
}

/// Keeps as many calls in flight as the limit allows and `demand` asks for.
struct ClosedLoop {
    struct Call: Comparable {
        var end: UInt64
        var start: UInt64
        var kind: AdaptiveLimit.End

        static func < (left: Self, right: Self) -> Bool { left.end < right.end }
    }

    var limit: AdaptiveLimit
    var handler: HiddenCapacity
    var random: SeededRandom
    /// After which a call is cut off and late.
    var timeout: UInt64 = .max
    private(set) var now: UInt64 = 1
    private var flying = Heap<Call>([])
    /// Since `measure` was called.
    private(set) var counts: [AdaptiveLimit.End: Int] = [:]
    private(set) var latencies: [UInt64] = []
    /// Every limit that held, in order.
    private(set) var limits: [Int] = []
    private var began: UInt64 = 1

    init(_ handler: HiddenCapacity, _ policy: AdaptiveLimitPolicy = AdaptiveLimitPolicy(max: 500), seed: UInt64) {
        limit = AdaptiveLimit(policy)
        self.handler = handler
        random = SeededRandom(seed: seed)
    }

    /// Forgets what was counted.
    mutating func measure() {
        (counts, latencies, limits, began) = ([:], [], [], now)
    }

    mutating func run(for nanoseconds: UInt64, demand: Int = .max) {
        let end = now + nanoseconds
        while now < end {
            while flying.elements.count < min(demand, limit.limit) {
                let call = handler.call(at: now, &random)
                let isLate = call.end > now.advanced(byNanoseconds: timeout)
                flying.insert(
                    Call(
                        end: isLate ? now + timeout : call.end, start: now,
                        kind: isLate ? .late : call.fails ? .failed : .done))
            }
            guard let call = flying.elements.first else { break }
            let inFlight = flying.elements.count
            flying.removeFirst()
            now = max(now, call.end)
            let time = call.end - call.start
            if limit.sample(nanoseconds: time, call.kind, inFlight: inFlight, now: now) || limits.isEmpty {
                limits.append(limit.limit)
            }
            counts[call.kind, default: 0] += 1
            if call.kind == .done { latencies.append(time) }
        }
        now = max(now, end)
    }

    /// Lets everything in flight end, and then time pass.
    mutating func rest(for nanoseconds: UInt64) {
        while let call = flying.elements.first {
            let inFlight = flying.elements.count
            flying.removeFirst()
            now = max(now, call.end)
            _ = limit.sample(nanoseconds: call.end - call.start, call.kind, inFlight: inFlight, now: now)
        }
        now += nanoseconds
    }

    /// Calls that were done, against what the handler can do at best.
    var throughput: Double { Double(counts[.done] ?? 0) / (handler.best * Double(now - began) / 1e9) }

    /// The time below which this share of the calls stayed, as a multiple of the same of an idle handler.
    func slowdown(at share: Double) -> Double {
        var random = SeededRandom(seed: 99)
        let idle = (0..<4_000).map { _ in handler.time(&random) }
        return Double(latencies.quantile(share)) / Double(idle.quantile(share))
    }
}

extension [UInt64] {
    fileprivate func quantile(_ share: Double) -> UInt64 {
        isEmpty ? 0 : sorted()[Swift.min(count - 1, Int(Double(count) * share))]
    }
}

/// A binary heap, the least element first.
struct Heap<Element: Comparable> {
    private(set) var elements: [Element]

    init(_ elements: [Element]) { self.elements = elements.sorted() }

    mutating func insert(_ element: Element) {
        elements.append(element)
        var place = elements.count - 1
        while place > 0, elements[place] < elements[(place - 1) / 2] {
            elements.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    mutating func removeFirst() {
        elements.swapAt(0, elements.count - 1)
        elements.removeLast()
        sink()
    }

    mutating func replaceFirst(with element: Element) {
        elements[0] = element
        sink()
    }

    private mutating func sink() {
        var place = 0
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2]
            where child < elements.count && elements[child] < elements[least] {
                least = child
            }
            if least == place { return }
            elements.swapAt(place, least)
            place = least
        }
    }
}
