import PatchbayResilience

@testable import PatchbayDispatch

/// Knows when calls of `fragile` may not start: while its breaker is open, and beyond its probes while it is half-open.
struct BreakerWatch {
    private var openUntil: UInt64 = 0
    /// Since when probes pass; `nil` when the breaker is not half-open.
    private var probingSince: UInt64?
    private var probes = 0
    private var failures = 0

    /// Of a new process.
    mutating func reset() { self = BreakerWatch() }

    mutating func hear(_ notice: DispatchEffects.Notice, now: UInt64, _ world: World) {
        switch notice {
        case .breaker(let name, let transition) where name.contains(Scenario.Part.fragile.handler):
            openUntil = transition.to == .open ? transition.openUntil : 0
            probingSince = nil
            if transition.to == .open { world.counters.opened += 1 }
        case .breakerProbes(let name) where name.contains(Scenario.Part.fragile.handler):
            probingSince = now
            probes = 0
            openUntil = 0
        default: break
        }
    }

    mutating func start(_ world: World, _ part: Scenario.Part?, now: UInt64) {
        guard part == .fragile else { return }
        if now < openUntil { world.fail("a call of \(Scenario.Part.fragile.handler) starts while its breaker is open") }
        guard probingSince != nil else { return }
        probes += 1
        world.counters.probes += 1
        if probes > Scenario.breakerProbesMax { world.fail("\(probes) probes of a half-open breaker are open") }
    }

    mutating func end(_ part: Scenario.Part?, begunAt: UInt64) {
        guard part == .fragile, let probingSince, begunAt >= probingSince, probes > 0 else { return }
        probes -= 1
    }
}
