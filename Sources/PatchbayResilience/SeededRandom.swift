/// A small, fast random source that the same seed repeats exactly; not for secrets.
///
/// **Source**: xoshiro256** seeded through SplitMix64 (Blackman and Vigna, "Scrambled Linear Pseudorandom Number
/// Generators", 2018).
package struct SeededRandom: RandomNumberGenerator, Sendable {
    package var a, b, c, d: UInt64

    /// Every seed is a good one, 0 included.
    package init(seed: UInt64) {
        var state = seed
        a = SeededRandom.splitMix(&state)
        b = SeededRandom.splitMix(&state)
        c = SeededRandom.splitMix(&state)
        d = SeededRandom.splitMix(&state)
    }

    @inlinable package mutating func next() -> UInt64 {
        let scrambled = b &* 5
        let result = ((scrambled << 7) | (scrambled >> 57)) &* 9
        let shifted = b << 17
        c ^= a
        d ^= b
        b ^= c
        a ^= d
        c ^= shifted
        d = (d << 45) | (d >> 19)
        return result
    }

    /// Evenly from 0 to `bound`, both included.
    @inlinable package mutating func upTo(_ bound: UInt64) -> UInt64 { next().scaled(upTo: bound) }

    /// Evenly in [0, 1).
    @inlinable package mutating func fraction() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// One step of SplitMix64, also good for spreading a counter or a hash over 64 bits.
    package static func splitMix(_ state: inout UInt64) -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

extension UInt64 {
    /// These 64 random bits as a number from 0 to `bound`, both included, by multiplication (bias below `bound` / 2^64).
    @inlinable package func scaled(upTo bound: UInt64) -> UInt64 {
        bound == .max ? self : multipliedFullWidth(by: bound + 1).high
    }
}
