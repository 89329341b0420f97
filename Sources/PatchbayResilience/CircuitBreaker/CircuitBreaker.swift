/// A circuit breaker: closed, open and half-open, over a rolling window.
///
/// A pure value; its owner calls it from one thread with times that do not go back. Closed, `admit` and `record` of a
/// quick success cost a few nanoseconds and allocate nothing.
///
/// Every change of state starts a new generation. A result counts only in the generation that admitted its call, so
/// calls that were under way when the breaker tripped neither close nor re-open it.
package struct CircuitBreaker: Sendable {
    package let configuration: CircuitBreakerConfiguration
    /// As of the last call: an open breaker becomes half-open when `admit` is called after its timeout.
    package internal(set) var state = CircuitBreakerState.closed
    package internal(set) var generation: UInt32 = 1
    package internal(set) var metrics = CircuitBreakerMetrics()
    /// When probes may start, while open.
    package private(set) var openUntil: UInt64 = 0
    package var window: CircuitBreakerWindow
    package let slowFrom: UInt64
    private var probesInFlight = 0
    private var probes = CircuitBreakerCounts()
    /// Trips without a return to closed between them.
    private var tripsInARow = 0
    /// Slow calls opened it, so slow probes are no recovery.
    private var trippedBySlowness = false

    package init(_ configuration: CircuitBreakerConfiguration) {
        self.configuration = configuration
        slowFrom = configuration.slowCall > 0 ? UInt64(configuration.slowCall) : .max
        window = CircuitBreakerWindow(interval: configuration.interval)
    }

    /// Asks for one call. After `.allowed` exactly one of `record` and `giveBack` follows with its generation.
    @inlinable package mutating func admit(now: UInt64) -> CircuitBreakerAdmission {
        if state == .closed {
            metrics.allowed &+= 1
            return .allowed(generation: generation)
        }
        return admitProbe(now: now)
    }

    /// Whether `admit` would allow a call, without asking for one: when not, the time to ask again.
    package func retryTime(now: UInt64) -> UInt64? {
        switch state {
        case .closed: return nil
        case .open: return now >= openUntil ? nil : openUntil
        case .halfOpen: return hasFreeProbe ? nil : probeBound(now: now)
        }
    }

    /// The end of an admitted call.
    ///
    /// - Parameter duration: nanoseconds from its start to its end.
    /// - Returns: the change of state that it caused, if any.
    @inlinable package mutating func record(
        _ result: CircuitBreakerResult, duration: UInt64, generation: UInt32, now: UInt64
    ) -> CircuitBreakerTransition? {
        if result == .success, duration < slowFrom, state == .closed, generation == self.generation {
            metrics.successes &+= 1
            window.add(failed: false, slow: false, now: now)
            return nil
        }
        return recordUnusual(result, slow: duration >= slowFrom, generation: generation, now: now)
    }

    /// An admitted call did not start, or ended without saying anything about the dependency (cancelled, busy).
    package mutating func giveBack(generation: UInt32) {
        metrics.givenBack &+= 1
        if state == .halfOpen, generation == self.generation { probesInFlight = max(0, probesInFlight - 1) }
    }

    /// Begins anew, closed: what it judged is not there any more. What was admitted before says nothing of it.
    ///
    /// - Returns: the change of state, if it was not closed.
    package mutating func reset(now: UInt64) -> CircuitBreakerTransition? {
        let before = state
        let counts = before == .halfOpen ? probes : counts(now: now)
        enter(.closed)
        window.clear()
        tripsInARow = 0
        trippedBySlowness = false
        guard before != .closed else { return nil }
        return CircuitBreakerTransition(from: before, to: .closed, at: now, openUntil: 0, counts: counts)
    }

    /// The window's counts as of `now`, for reports.
    package func counts(now: UInt64) -> CircuitBreakerCounts {
        var window = window
        window.rotate(now: now)
        return window.totals
    }

    // MARK: Open and half-open

    private var hasFreeProbe: Bool {
        probesInFlight + Int(probes.requests) < configuration.maxRequests
    }

    /// Nobody knows when a probe ends; this bounds the wait when none does.
    private func probeBound(now: UInt64) -> UInt64 { now.advanced(byNanoseconds: openNanoseconds) }

    package mutating func admitProbe(now: UInt64) -> CircuitBreakerAdmission {
        if state == .open {
            guard now >= openUntil else {
                metrics.rejected &+= 1
                return .rejected(retryAt: openUntil)
            }
            enter(.halfOpen)
        }
        guard hasFreeProbe else {
            metrics.rejected &+= 1
            return .rejected(retryAt: probeBound(now: now))
        }
        probesInFlight += 1
        metrics.allowed &+= 1
        return .allowed(generation: generation)
    }

    package mutating func recordUnusual(
        _ result: CircuitBreakerResult, slow: Bool, generation: UInt32, now: UInt64
    ) -> CircuitBreakerTransition? {
        if result == .success { metrics.successes &+= 1 } else { metrics.failures &+= 1 }
        if slow { metrics.slow &+= 1 }
        guard generation == self.generation, state != .open else {
            metrics.late &+= 1
            return nil
        }
        return state == .closed
            ? recordClosed(failed: result == .failure, slow: slow, now: now)
            : recordProbe(failed: result == .failure, slow: slow, now: now)
    }

    private mutating func recordClosed(failed: Bool, slow: Bool, now: UInt64) -> CircuitBreakerTransition? {
        window.add(failed: failed, slow: slow, now: now)
        let counts = window.totals
        guard failed || slow, configuration.trip(counts) else { return nil }
        var withoutSlow = counts
        withoutSlow.slow = 0
        trippedBySlowness = counts.slow > 0 && !configuration.trip(withoutSlow)
        return open(now: now, from: .closed, counts: counts)
    }

    private mutating func recordProbe(failed: Bool, slow: Bool, now: UInt64) -> CircuitBreakerTransition? {
        probesInFlight = max(0, probesInFlight - 1)
        probes.requests += 1
        if slow { probes.slow += 1 }
        if failed || (slow && trippedBySlowness) {
            if failed {
                probes.failures += 1
                probes.consecutiveFailures += 1
            }
            return open(now: now, from: .halfOpen, counts: probes)
        }
        guard Int(probes.requests) >= configuration.maxRequests else { return nil }
        let counts = probes
        tripsInARow = 0
        enter(.closed)
        window.clear()
        return CircuitBreakerTransition(from: .halfOpen, to: .closed, at: now, openUntil: 0, counts: counts)
    }

    private mutating func open(
        now: UInt64, from: CircuitBreakerState, counts: CircuitBreakerCounts
    ) -> CircuitBreakerTransition {
        tripsInARow += 1
        metrics.trips &+= 1
        openUntil = now.advanced(byNanoseconds: openNanoseconds)
        enter(.open)
        return CircuitBreakerTransition(from: from, to: .open, at: now, openUntil: openUntil, counts: counts)
    }

    /// `timeout` doubled for every trip in a row after the first, at most `maxTimeout`.
    private var openNanoseconds: UInt64 {
        let first = UInt64(max(1, configuration.timeout))
        let cap = max(first, unsigned(configuration.maxTimeout))
        let doublings = UInt64(max(0, tripsInARow - 1))
        return doublings < 63 && first <= cap >> doublings ? first << doublings : cap
    }

    private mutating func enter(_ next: CircuitBreakerState) {
        state = next
        generation &+= 1
        probesInFlight = 0
        probes = CircuitBreakerCounts()
    }
}
