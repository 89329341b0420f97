import Testing

@testable import PatchbayDispatch

@Suite struct KeyShareTests {
    private static let keys = (0..<100_000).map { UInt64($0) &* 0x9E37_79B9_7F4A_7C15 &+ 7 }

    @Test(arguments: [UInt32(1), 50, 500, 5_000, 9_999]) func `about so many keys belong to a share`(share: UInt32) {
        for use in [KeyShare.canaries, .shadows] {
            let taken = Self.keys.count { KeyShare.takes($0, share: share, of: use) }
            let expected = Double(Self.keys.count) * Double(share) / 10_000
            #expect(abs(Double(taken) - expected) < 5 * expected.squareRoot() + 1, "\(taken) of \(expected)")
        }
    }

    @Test func `a larger share keeps the keys of a smaller one, 0 has none and the whole has all`() {
        for key in Self.keys.prefix(10_000) {
            let isIn = KeyShare.takes(key, share: 700, of: .shadows)
            #expect(!isIn || KeyShare.takes(key, share: 701, of: .shadows))
            #expect(!KeyShare.takes(key, share: 0, of: .shadows) && KeyShare.takes(key, share: 10_000, of: .shadows))
        }
    }

    @Test func `a canary's keys are sampled like others`() {
        let canary = Self.keys.filter { KeyShare.takes($0, share: 1_000, of: .canaries) }
        let both = canary.count { KeyShare.takes($0, share: 1_000, of: .shadows) }
        #expect(abs(both - canary.count / 10) < 160, "\(both) of \(canary.count)")
    }
}
