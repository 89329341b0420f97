/// The secret that keys are hashed with, so that nobody can craft keys that collide.
///
/// **Source**: Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012); one compression and three
/// finalisation rounds.
package struct KeySeed: BitwiseCopyable, Sendable, Hashable {
    let low: UInt64
    let high: UInt64

    /// Two random words, of this process alone.
    package init(_ low: UInt64, _ high: UInt64) {
        self.low = low
        self.high = high
    }

    /// Another secret, for a second half of a hash that is independent of the first.
    var other: KeySeed { KeySeed(low ^ 0x6465_6475_706C_6963, high ^ 0x6174_696F_6E20_6B65) }

    /// Known to everyone and the same for ever: for choices that must survive a restart.
    static let fixed = KeySeed(0x7061_7463_6862_6179, 0x6F6E_654F_6620_7631)

    /// Continues `chain`, 0 at the start of a key, with one part of it. Parts of different `kind` never collide by
    /// construction.
    func hash(_ bytes: UnsafeRawBufferPointer, kind: UInt64, chain: UInt64) -> UInt64 {
        sipHash13(low ^ chain, high ^ kind, bytes)
    }
}

/// SipHash-1-3 of the bytes under the 128-bit key.
package func sipHash13(_ low: UInt64, _ high: UInt64, _ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var a = low ^ 0x736F_6D65_7073_6575
    var b = high ^ 0x646F_7261_6E64_6F6D
    var c = low ^ 0x6C79_6765_6E65_7261
    var d = high ^ 0x7465_6462_7974_6573
    func round() {
        a &+= b
        c &+= d
        b = ((b << 13) | (b >> 51)) ^ a
        d = ((d << 16) | (d >> 48)) ^ c
        a = (a << 32) | (a >> 32)
        a &+= d
        c &+= b
        b = ((b << 17) | (b >> 47)) ^ c
        d = ((d << 21) | (d >> 43)) ^ a
        c = (c << 32) | (c >> 32)
    }
    let whole = bytes.count & ~7
    var offset = 0
    while offset < whole {
        let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        d ^= word
        round()
        a ^= word
        offset += 8
    }
    var last = UInt64(truncatingIfNeeded: bytes.count) << 56
    for index in whole..<bytes.count { last |= UInt64(bytes[index]) << UInt64((index - whole) * 8) }
    d ^= last
    round()
    a ^= last
    c ^= 0xFF
    round()
    round()
    round()
    return a ^ b ^ c ^ d
}
