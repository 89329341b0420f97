import Testing

@testable import PatchbayRuntime

/// What a line of progress says, as a value.
@Suite struct RunProgressTests {
    private let second: UInt64 = 1_000_000_000

    @Test func `the share counts what is read and not settled as not done`() {
        var progress = RunProgress()
        func look(_ settled: UInt64, _ pending: UInt64, read: UInt64, at seconds: UInt64) {
            progress.look(
                events: settled + pending, settled: settled, pending: pending, retries: 0, dead: 0,
                input: InputExtent(read: read, all: 1_000), now: seconds * second)
        }
        look(0, 0, read: 0, at: 100)
        #expect(progress.share == 0 && progress.rate == nil && progress.remaining == nil)
        look(50, 150, read: 400, at: 110)
        #expect(progress.share == 0.1 && progress.rate == 5 && progress.elapsed == 10 * second)
        #expect(progress.remaining == 90 * second)
        look(500, 0, read: 1_000, at: 120)
        #expect(progress.share == 1 && progress.rate == 45 && progress.remaining == 0)
    }

    @Test func `an input of unknown size has no share`() {
        var progress = RunProgress()
        progress.look(events: 9, settled: 5, pending: 4, retries: 0, dead: 0, input: nil, now: 1)
        #expect(progress.share == nil && progress.remaining == nil)
        let known = InputExtent(read: 5, all: 10)
        #expect(InputExtent.sum([known, nil]) == nil && InputExtent.sum([]) == nil)
        #expect(InputExtent.sum([known, InputExtent(read: 30, all: 20)]) == InputExtent(read: 25, all: 30))
        #expect(InputExtent(read: 0, all: 0).share == 1)
    }

    @Test func `says nothing of the rest while that would be a guess`() {
        #expect(RunProgress.remaining(share: 0.005, elapsed: 60 * second) == nil)
        #expect(RunProgress.remaining(share: 0.5, elapsed: second / 2) == nil)
        #expect(RunProgress.remaining(share: 0.25, elapsed: 60 * second) == 180 * second)
    }
}
