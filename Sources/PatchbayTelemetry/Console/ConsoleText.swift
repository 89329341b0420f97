/// What a piece of console text means; colours follow from it.
package enum Tone: String, Sendable {
    case plain, strong, dim, good, bad, warning, accent

    var escape: String {
        switch self {
        case .plain: ""
        case .strong: "\u{1b}[1m"
        case .dim: "\u{1b}[2m"
        case .good: "\u{1b}[32m"
        case .bad: "\u{1b}[31m"
        case .warning: "\u{1b}[33m"
        case .accent: "\u{1b}[36m"
        }
    }
}

/// A line in the making: pieces of text with their tones, safe to show on a terminal.
struct ConsoleText {
    private(set) var pieces: [(text: String, tone: Tone)] = []

    /// Columns it takes, a character being one.
    var width: Int { pieces.reduce(0) { $0 + $1.text.count } }

    mutating func append(_ text: String, _ tone: Tone = .plain) {
        if !text.isEmpty { pieces.append((text, tone)) }
    }

    /// Appends text from outside: control and direction characters replaced, cut to `limit` characters.
    mutating func append(untrusted text: String, _ tone: Tone = .plain, limit: Int = 60) {
        append(ConsoleText.harmless(text, limit: limit), tone)
    }

    func rendered(colour: Bool) -> String {
        pieces.reduce(into: "") { line, piece in
            guard colour, piece.tone != .plain else { return line += piece.text }
            line += piece.tone.escape + piece.text + "\u{1b}[0m"
        }
    }

    /// `text` without anything that moves the cursor, changes colours or turns directions.
    static func harmless(_ text: String, limit: Int) -> String {
        var shown = ""
        for (index, character) in text.enumerated() {
            if index == limit { return shown + "…" }
            shown.append(character.unicodeScalars.contains(where: isHarmful) ? "\u{fffd}" : character)
        }
        return shown
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7f...0x9f, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069: true
        default: false
        }
    }
}

/// `nanoseconds` with three digits and a unit: `640 ns`, `18.4 µs`, `3.10 ms`, `1.51 s`, `2 min 03 s`.
package func readableDuration(_ nanoseconds: UInt64) -> String {
    switch nanoseconds {
    case 0..<1_000: "\(nanoseconds) ns"
    case 1_000..<999_500: threeDigits(nanoseconds, per: 1_000) + " µs"
    case 999_500..<999_500_000: threeDigits(nanoseconds, per: 1_000_000) + " ms"
    case 999_500_000..<59_950_000_000: threeDigits(nanoseconds, per: 1_000_000_000) + " s"
    case 59_950_000_000..<3_599_500_000_000: minutes(nanoseconds / 1_000_000_000, "min", "s")
    default: minutes(nanoseconds / 60_000_000_000, "h", "min")
    }
}

private func threeDigits(_ value: UInt64, per unit: UInt64) -> String {
    // Decimals so that three digits show; rounding may add one digit, which the ranges above allow for.
    var decimals = 2
    if value >= unit * 10 - unit / 200 { decimals = 1 }
    if value >= unit * 100 - unit / 20 { decimals = 0 }
    let scale: UInt64 = decimals == 2 ? 100 : decimals == 1 ? 10 : 1
    let scaled = (value * scale + unit / 2) / unit
    if decimals == 0 { return String(scaled) }
    let fraction = String(scaled % scale)
    return "\(scaled / scale)." + String(repeating: "0", count: decimals - fraction.count) + fraction
}

private func minutes(_ value: UInt64, _ large: String, _ small: String) -> String {
    let rest = value % 60
    return "\(value / 60) \(large) \(rest < 10 ? "0" : "")\(rest) \(small)"
}

/// The time of day of Unix nanoseconds in UTC: `14:03:22.117`.
package func readableTime(_ unixNanoseconds: UInt64) -> String {
    let milliseconds = unixNanoseconds / 1_000_000 % 86_400_000
    func padded(_ value: UInt64, _ digits: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: digits - text.count) + text
    }
    let hour = padded(milliseconds / 3_600_000, 2)
    let minute = padded(milliseconds / 60_000 % 60, 2)
    return "\(hour):\(minute):\(padded(milliseconds / 1_000 % 60, 2)).\(padded(milliseconds % 1_000, 3))"
}
