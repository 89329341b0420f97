import Testing

@testable import PatchbayConfiguration

@Suite struct UnitTests {
    @Test(arguments: [
        ("500ms", 500_000_000), ("30s", 30_000_000_000), ("1m", 60_000_000_000), ("24h", 86_400_000_000_000),
        ("7d", 604_800_000_000_000), ("1h30m", 5_400_000_000_000), ("1.5s", 1_500_000_000), ("0s", 0), ("10us", 10_000),
        ("3ns", 3), ("1d2h3m4s5ms6us7ns", 93_784_005_006_007), ("PT5M", 300_000_000_000), ("PT0.5S", 500_000_000),
        ("P1DT2H", 93_600_000_000_000), ("P2W", 1_209_600_000_000_000), ("P7D", 604_800_000_000_000),
    ])
    func `reads durations`(text: String, nanoseconds: Int64) {
        #expect(DurationText.parse(text) == .nanoseconds(nanoseconds))
    }

    @Test(arguments: [
        "", "5", "s", "5 s", "-5s", "5S", "1m1h", "1s1s", "1.s", ".5s", "1..5s", "1e3s", "5sec", "P", "PT", "P1DT",
        "P1Y", "P1M", "PT5", "PT1S1M", "T5M", "99999999999d", "9223372036854775807s", "1.1234567890s", "٥s",
    ])
    func `refuses what is no duration`(text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test func `durations print as the shortest text that reads back`() {
        var random = SplitMix(seed: 7)
        for _ in 0..<2000 {
            let nanoseconds = Int64(random.next() >> (1 + random.next() % 62))
            let text = DurationText.format(.nanoseconds(nanoseconds))
            #expect(DurationText.parse(text) == .nanoseconds(nanoseconds), "seed 7: \(text)")
        }
        #expect(DurationText.format(.seconds(90)) == "1m30s" && DurationText.format(.zero) == "0s")
    }

    @Test(arguments: [
        ("0", 0), ("1", 10_000), ("0.1", 1_000), ("0.0001", 1), ("1.0", 10_000), ("0%", 0), ("5%", 500), ("0.5%", 50),
        ("12.34%", 1_234), ("100%", 10_000),
    ])
    func `reads shares`(text: String, share: Int) throws {
        #expect(ShareText.parse(text) == share && ShareText.parse(ShareText.format(share)) == share)
        #expect(try text.firstMatch(of: Regex(ShareText.pattern)) != nil)
    }

    @Test(arguments: [
        "", "%", "5", "1.1", "101%", "-5%", "0.00001", "0.001%", ".5", "5.%", "1e-1", "0x1", "nan", "5 %", "five",
    ])
    func `refuses what is no share`(text: String) { #expect(ShareText.parse(text) == nil) }

    @Test(arguments: [
        ("0", 0), ("4096", 4096), ("1B", 1), ("1KB", 1000), ("1KiB", 1024), ("256MiB", 268_435_456),
        ("1.5MiB", 1_572_864), ("2 GB", 2_000_000_000), ("1TiB", 1_099_511_627_776),
    ])
    func `reads byte counts`(text: String, bytes: Int) {
        #expect(ByteText.parse(text) == bytes)
    }

    @Test(arguments: [
        "", "-1", "1kb", "1mib", "KB", "1.5", "1.0001KB", ".5KB", "1.KB", "99999999999TiB", "1e3", "1_000",
    ])
    func `refuses what is no byte count`(text: String) {
        #expect(ByteText.parse(text) == nil)
    }

    @Test func `byte counts print as a text that reads back`() {
        var random = SplitMix(seed: 8)
        for _ in 0..<2000 {
            let bytes = Int(random.next() >> (1 + random.next() % 62))
            #expect(ByteText.parse(ByteText.format(bytes)) == bytes, "seed 8: \(bytes)")
        }
        #expect(ByteText.format(256 << 20) == "256MiB" && ByteText.format(1500) == "1500")
    }

    @Test(arguments: [
        ("nam", "name"), ("retires", "retries"), ("Retry", "retry"), ("circuitbreaker", "circuitBreaker"),
        ("maxretrys", "maxRetries"), ("zzz", nil), ("", nil), ("a", nil),
    ])
    func `suggests the nearest word`(word: String, expected: String?) {
        let words = ["name", "retries", "retry", "circuitBreaker", "maxRetries"]
        #expect(Suggestion.nearest(to: word, among: words) == expected)
    }
}

/// A small seeded generator.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
