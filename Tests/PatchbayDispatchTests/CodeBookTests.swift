import PatchbayEvents
import Testing

@testable import PatchbayDispatch

@Suite struct CodeBookTests {
    /// A book of one lane, with the memory that workers read.
    private final class Stage {
        let codes = UnsafeMutablePointer<HandlerCode>.allocate(capacity: HandlerCode.capacity)
        var book: CodeBook

        init() {
            let lanes = [LanePlan(name: "l", handler: Stage.handler("1"), maxInFlight: 1)]
            book = CodeBook(lanes, codes: codes)
        }

        deinit { codes.deallocate() }

        static func handler(_ version: String) -> Handler {
            Handler(
                name: "l", version: version, definition: 0, concurrency: 0, blocking: false, batchMax: 0, instance: nil,
                handle: { _, _, _ in .ok }, handleBatch: nil, cancel: nil, owner: Owner())
        }

        private final class Owner: Sendable {}

        /// The versions that calls of these keys run.
        func versions(_ keys: Range<UInt64>) -> [String] {
            var found: [String] = []
            for key in keys { found.append(book.handler(book.code(ofLane: 0, key: key)).version) }
            return found
        }
    }

    @Test(arguments: [1, 500, 2_500, 5_000] as [UInt32])
    func `a canary gets its share of the keys, and the same ones always`(share: UInt32) {
        let stage = Stage()
        _ = stage.book.addCanary(lane: 0, Stage.handler("2"), share: share)
        let first = stage.versions(0..<100_000)
        let count = first.count { $0 == "2" }
        let expected = Int(share) * 10
        #expect(abs(count - expected) < 20 + expected / 20, "\(count) of 100000")
        #expect(stage.versions(0..<100_000) == first)
    }

    @Test func `whoever gets all calls in the end, the other one is what nobody calls any more`() {
        for promotes in [true, false] {
            let stage = Stage()
            let canary = stage.book.addCanary(lane: 0, Stage.handler("2"), share: 5_000)
            let isComparing = stage.book.isComparing
            #expect(isComparing)
            let gone = stage.book.concludeCanary(lane: 0, promotes: promotes)
            #expect(gone == (promotes ? 0 : canary))
            #expect(Set(stage.versions(0..<100)) == [promotes ? "2" : "1"])
            let isStillComparing = stage.book.isComparing
            #expect(!isStillComparing)
        }
    }

    /// Regression: what was counted as started and came back unstarted made the difference fall below 0, which trapped.
    @Test func `calls that come back unstarted do not make a difference negative`() {
        let difference = CodeCounts(started: 3, ended: 2) - CodeCounts(started: 5, ended: 1)
        #expect(difference == CodeCounts(started: 0, ended: 1))
    }

    @Test func `a number is given again once its code has retired`() {
        let stage = Stage()
        let first = stage.book.change(lane: 0, to: Stage.handler("2"))
        let second = stage.book.ofLane[0]
        #expect(first == 0 && second == 1)
        stage.book.retire(first)
        #expect(stage.book.change(lane: 0, to: Stage.handler("3")) == second)
        let third = stage.book.ofLane[0]
        #expect(third == first && stage.versions(0..<1) == ["3"])
        let living = stage.book.living.map(\.version)
        #expect(living == ["3", "2"])
    }
}
