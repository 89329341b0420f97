/// Values in a message to a chat of Slack's kind: Slack, Mattermost, Rocket.Chat, Discord's `/slack`.
enum ChatText {
    /// Separates characters that would mean something together, and is not seen (U+200B).
    private static let gap = "\u{200B}"

    /// The value as text that mentions nobody and becomes neither a link, by its `://`, `www.`, `@` or `](`, nor bold,
    /// italic, struck out or code. Slack has no escape for its marks, and the others have several: look-alikes
    /// stand for them.
    ///
    /// - Source: Slack, "Formatting text for app surfaces"
    static func escaped(_ value: String) -> String {
        let scalars = Array(value.unicodeScalars)
        var text = ""
        for (index, scalar) in scalars.enumerated() {
            let next = index + 1 < scalars.count ? scalars[index + 1] : nil
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "*": text += "\u{2217}"
            case "`": text += "\u{02CB}"
            case "~": text += "\u{223C}"
            case "_":
                // Inside a word it means nothing.
                let isInside = index > 0 && isWord(scalars[index - 1]) && next.map(isWord) == true
                text += isInside ? "_" : "\u{02CD}"
            case "@": text += "@" + gap
            // What comes behind the value may complete the pair.
            case ":": text += next == nil || next == "/" ? ":" + gap : ":"
            case "]": text += next == nil || next == "(" ? "]" + gap : "]"
            case "|": text += next == nil || next == "|" ? "|" + gap : "|"
            case ".": text += endsInWWW(scalars[..<index]) ? gap + "." : "."
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    }

    private static func endsInWWW(_ scalars: ArraySlice<Unicode.Scalar>) -> Bool {
        scalars.count >= 3 && scalars.suffix(3).allSatisfy { $0 == "w" || $0 == "W" }
    }
}
