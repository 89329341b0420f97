/// A version such as `2.1.0-beta.1+build`, ordered by precedence: builds that differ behind the `+` alone are equal.
///
/// - Source: Semantic Versioning 2.0.0, section 11.
struct SemanticVersion: Comparable {
    /// Major, minor and patch: digits without leading zeros, of any length.
    private let core: [Substring]
    /// Empty for a release.
    private let prerelease: [Substring]

    /// `nil` for text that is no semantic version: three numbers without leading zeros, then perhaps `-…` and `+…`.
    init?(_ text: String) {
        let build = text.split(separator: "+", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = build[0].split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        core = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        prerelease = parts.dropFirst().first?.split(separator: ".", omittingEmptySubsequences: false) ?? []
        guard core.count == 3, core.allSatisfy({ Self.isNumber($0) && ($0 == "0" || $0.first != "0") }),
            parts.dropFirst().allSatisfy(Self.isIdentifier), build.dropFirst().allSatisfy(Self.isIdentifier)
        else { return nil }
    }

    static func < (a: SemanticVersion, b: SemanticVersion) -> Bool { a.order(to: b) < 0 }
    static func == (a: SemanticVersion, b: SemanticVersion) -> Bool { a.order(to: b) == 0 }

    /// Below 0, 0 or above it, as this one comes before, beside or after the other.
    private func order(to other: SemanticVersion) -> Int {
        let first = Self.order(core, other.core)
        if first != 0 { return first }
        // A release comes after all that leads to it.
        if prerelease.isEmpty != other.prerelease.isEmpty { return prerelease.isEmpty ? 1 : -1 }
        return Self.order(prerelease, other.prerelease)
    }

    private static func order(_ a: [Substring], _ b: [Substring]) -> Int {
        for (x, y) in zip(a, b) {
            let order = order(x, y)
            if order != 0 { return order }
        }
        return a.count - b.count
    }

    /// Numbers by value and before words, words by their bytes.
    private static func order(_ a: Substring, _ b: Substring) -> Int {
        let (isNumberA, isNumberB) = (isNumber(a), isNumber(b))
        if isNumberA != isNumberB { return isNumberA ? -1 : 1 }
        if isNumberA, a.utf8.count != b.utf8.count { return a.utf8.count - b.utf8.count }
        if a == b { return 0 }
        return a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1
    }

    private static func isNumber(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }

    private static func isIdentifier(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                    || byte == 0x2D || byte == 0x2E
            }
    }
}
