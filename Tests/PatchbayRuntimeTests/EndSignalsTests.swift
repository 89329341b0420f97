import PatchbayRuntime
import Testing

/// Regression: `timeout 60 patchbay run` sends its signal twice at once, which cut the drain off.
@Suite struct `signals that end a run` {
    @Test func `drain, then stop, then end the process`() {
        var signals = EndSignals()
        #expect(signals.step(now: 5) == .drain)
        #expect(signals.step(now: 100_000_005) == .stop)
        #expect(signals.step(now: 9_000_000_000) == .exit)
        #expect(signals.step(now: 9_100_000_000) == .exit)
    }

    @Test func `that come together are one`() {
        var signals = EndSignals()
        #expect(signals.step(now: 1_000) == .drain)
        #expect(signals.step(now: 1_000) == nil)
        #expect(signals.step(now: 100_000_999) == nil)
        #expect(signals.step(now: 100_001_000) == .stop)
        #expect(signals.step(now: 100_001_001) == nil)
    }
}
