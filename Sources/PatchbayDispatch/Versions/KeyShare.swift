/// Which keys a share of all keys has: always the same ones, and those of a smaller share are among those of a larger one.
enum KeyShare: UInt64 {
    case canaries = 0
    /// Drawn apart, so that a canary's keys are no more in a shadow's sample than others.
    case shadows = 0x9E37_79B9_7F4A_7C15

    /// - Parameters:
    ///   - key: any number that stays with the event.
    ///   - share: of 10,000.
    static func takes(_ key: UInt64, share: UInt32, of use: KeyShare) -> Bool {
        var mixed = key ^ use.rawValue
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return UInt32(((mixed >> 32) &* 10_000) >> 32) < share
    }
}
