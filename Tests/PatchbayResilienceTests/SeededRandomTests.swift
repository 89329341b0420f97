import PatchbayResilience
import Testing

@Suite struct SeededRandomTests {
    @Test func `repeats itself for the same seed only`() {
        var first = SeededRandom(seed: 9)
        var second = SeededRandom(seed: 9)
        var other = SeededRandom(seed: 10)
        let numbers = (0..<100).map { _ in first.next() }
        #expect(numbers == (0..<100).map { _ in second.next() })
        #expect(numbers != (0..<100).map { _ in other.next() })
    }

    /// SplitMix64's published first outputs for seed 1234567.
    @Test func `seeds as SplitMix64 does`() {
        var state: UInt64 = 1_234_567
        #expect(SeededRandom.splitMix(&state) == 6_457_827_717_110_365_317)
        #expect(SeededRandom.splitMix(&state) == 3_203_168_211_198_807_973)
    }

    @Test(arguments: [UInt64(0), 1, 2, 9, 1_000, .max])
    func `draws evenly up to a bound`(bound: UInt64) {
        var random = SeededRandom(seed: bound)
        let draws = (0..<20_000).map { _ in random.upTo(bound) }
        #expect(draws.allSatisfy { $0 <= bound })
        let mean = draws.reduce(0) { $0 + Double($1) } / 20_000
        #expect(abs(mean - Double(bound) / 2) <= Double(bound) * 0.02)
        if bound < 10 { #expect(Set(draws).count == Int(bound) + 1) }
    }

    @Test func `saturates durations at the ends of 64-bit nanoseconds`() {
        #expect(Duration.seconds(2).nanosecondsSaturated == 2_000_000_000)
        #expect((Duration.milliseconds(-1)).nanosecondsSaturated == -1_000_000)
        #expect(Duration.seconds(Int64.max).nanosecondsSaturated == .max)
        #expect(Duration.seconds(Int64.min).nanosecondsSaturated == .min)
    }
}
