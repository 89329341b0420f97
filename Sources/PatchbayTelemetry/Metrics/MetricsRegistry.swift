import Synchronization

/// All instruments of the host and of its handlers.
///
/// The host's instruments have their labels fixed when they are made; recording on them takes no lock. Handlers declare
/// instruments by number and record under attributes of their own, up to a limit of combinations.
package final class MetricsRegistry: Sendable {
    package struct Limits: Hashable, Sendable {
        /// Instruments that handlers declare.
        package var instrumentsMax = 1_024
        /// Combinations of attributes of one instrument; the rest is folded into `otel.metric.overflow`.
        package var combinationsMax = 256

        package init() {}
    }

    /// One instrument and its series.
    final class Family: Sendable {
        let description: MetricDescription
        let combinationsMax: Int
        private let series = Mutex<[[Attribute]: Instrument]>([:])

        init(_ description: MetricDescription, combinationsMax: Int) {
            self.description = description
            self.combinationsMax = combinationsMax
        }

        /// The series under `labels`, made if need be; past the limit, the overflow series.
        func instrument(_ labels: [Attribute]) -> Instrument {
            let labels = labels.sorted { $0.key < $1.key }
            return series.withLock { series in
                if let known = series[labels] { return known }
                // The overflow series has the last place.
                let place = series.count < combinationsMax - 1 ? labels : Family.overflow
                if let known = series[place] { return known }
                let made = Instrument(description.kind)
                series[place] = made
                return made
            }
        }

        var points: [MetricPoint] {
            series.withLock { series in
                series.map { MetricPoint($0.key, $0.value.value) }
            }
        }

        static let overflow = [Attribute("otel.metric.overflow", true)]
    }

    enum Instrument: Sendable {
        case counter(Gauge), wholeCounter(Counter), gauge(Gauge), histogram(Histogram)

        init(_ kind: MetricKind) {
            switch kind {
            case .wholeCounter: self = .wholeCounter(Counter())
            case .counter, .upDown: self = .counter(Gauge())
            case .gauge: self = .gauge(Gauge())
            case .histogram: self = .histogram(Histogram())
            }
        }

        var value: MetricValue {
            switch self {
            case .wholeCounter(let counter): .whole(counter.value)
            case .counter(let gauge), .gauge(let gauge): .number(gauge.value)
            case .histogram(let histogram): .histogram(histogram.snapshot)
            }
        }
    }

    private struct State {
        var families: [String: Family] = [:]
        var declared: [Family] = []
        var observers: [@Sendable () -> [Metric]] = []
    }

    /// Unix nanoseconds at which counting began.
    package let start: UInt64
    private let limits: Limits
    private let state = Mutex(State())

    /// - Parameter start: Unix nanoseconds.
    package init(start: UInt64 = TelemetryClock.unixNow(), limits: Limits = Limits()) {
        self.start = start
        self.limits = limits
    }

    /// The counter of this name and these labels; the same one each time.
    package func counter(_ name: String, unit: String, help: String, labels: [Attribute] = []) -> Counter {
        let family = hostFamily(MetricDescription(name: name, kind: .wholeCounter, unit: unit, help: help))
        guard case .wholeCounter(let counter) = family.instrument(labels) else { return Counter() }
        return counter
    }

    /// The gauge of this name and these labels; the same one each time.
    package func gauge(_ name: String, unit: String, help: String, labels: [Attribute] = []) -> Gauge {
        let family = hostFamily(MetricDescription(name: name, kind: .gauge, unit: unit, help: help))
        guard case .gauge(let gauge) = family.instrument(labels) else { return Gauge() }
        return gauge
    }

    /// The histogram of this name and these labels; the same one each time.
    package func histogram(_ name: String, unit: String, help: String, labels: [Attribute] = []) -> Histogram {
        let family = hostFamily(MetricDescription(name: name, kind: .histogram, unit: unit, help: help))
        guard case .histogram(let histogram) = family.instrument(labels) else { return Histogram() }
        return histogram
    }

    /// Declares a handler's instrument; the same declaration again gives the same number.
    ///
    /// - Parameter scope: the module instance; names are its own. Any thread.
    /// - Throws: `metrics.conflict` for another kind or unit under a known name, `metrics.limit`, `metrics.name`.
    package func declare(
        _ description: MetricDescription, scope: String
    ) throws(MetricsError) -> UInt32 {
        guard description.hasValidName else {
            throw MetricsError(
                .name, "the name must begin with a letter and have at most 255 letters, digits, _ . - or /",
                location: "\(scope): \(description.name)")
        }
        let key = "\(scope)\u{0}\(description.name)"
        let result: Result<UInt32, MetricsError> = state.withLock { state in
            if let place = state.declared.firstIndex(where: { $0 === state.families[key] }) {
                let known = state.declared[place].description
                if known.kind == description.kind, known.unit == description.unit { return .success(UInt32(place)) }
                return .failure(
                    MetricsError(
                        .conflict, "declared before as \(known.kind) in \"\(known.unit)\"",
                        location: "\(scope): \(description.name)"))
            }
            guard state.declared.count < limits.instrumentsMax else {
                return .failure(
                    MetricsError(
                        .limit, "more than \(limits.instrumentsMax) instruments",
                        location: "\(scope): \(description.name)"))
            }
            var scoped = description
            scoped.scope = scope
            let family = Family(scoped, combinationsMax: limits.combinationsMax)
            state.families[key] = family
            state.declared.append(family)
            return .success(UInt32(state.declared.count - 1))
        }
        return try result.get()
    }

    /// Records on a declared instrument; unknown numbers, and negative amounts for counters, are ignored. Any thread; a
    /// short lock.
    ///
    /// - Returns: whether it was recorded.
    @discardableResult
    package func record(_ id: UInt32, _ value: Double, attributes: [Attribute]) -> Bool {
        let family = state.withLock { state in
            Int(id) < state.declared.count ? state.declared[Int(id)] : nil
        }
        guard let family else { return false }
        switch family.instrument(attributes) {
        case .wholeCounter: return false
        case .counter(let sum):
            if family.description.kind == .counter, !(value >= 0) { return false }
            sum.add(value)
        case .gauge(let gauge): gauge.set(value)
        case .histogram(let histogram): histogram.record(value)
        }
        return true
    }

    /// Adds what is counted elsewhere: `read` is called for each snapshot, on its thread. Its names must be its own.
    package func observe(_ read: @escaping @Sendable () -> [Metric]) {
        state.withLock { $0.observers.append(read) }
    }

    /// Everything as of now, by scope and name. Any thread.
    package func snapshot(now: UInt64 = TelemetryClock.unixNow()) -> MetricsSnapshot {
        let (families, observers) = state.withLock { (Array($0.families.values), $0.observers) }
        let counted = families.map { Metric(description: $0.description, points: $0.points) }
        let metrics = (counted + observers.flatMap { $0() }).sorted {
            ($0.description.scope, $0.description.name) < ($1.description.scope, $1.description.name)
        }
        return MetricsSnapshot(start: start, time: now, metrics: metrics)
    }

    private func hostFamily(_ description: MetricDescription) -> Family {
        state.withLock { state in
            if let known = state.families[description.name] {
                precondition(known.description.kind == description.kind, "metric \(description.name) changes its kind")
                return known
            }
            let family = Family(description, combinationsMax: .max)
            state.families[description.name] = family
            return family
        }
    }
}
