import HandlerKit

/// Text inside the headers of a mail.
enum HeaderText {
    /// The text on one line: what could end a header, or is no character to read, becomes a blank.
    static func clean(_ text: String) -> String {
        var clean = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator: clean.append(" ")
            default: clean.append(scalar)
            }
        }
        return String(clean)
    }

    /// The text as the value of an unstructured header such as Subject: as it is where it is short ASCII, and in encoded
    /// words otherwise.
    static func unstructured(_ text: String) -> String {
        let clean = clean(text)
        let isPlain = clean.utf8.allSatisfy { $0 < 0x7F } && clean.utf8.count <= 200 && !clean.contains("=?")
        return isPlain ? clean : encodedWords(clean)
    }

    /// Encoded words of at most 75 bytes, on lines of their own (RFC 2047, clause 2).
    static func encodedWords(_ text: String) -> String {
        var words: [String] = []
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            let next = Array(String(scalar).utf8)
            // 45 bytes are 60 in Base64; with the 12 around them a word stays below its limit, the header's name included.
            if bytes.count + next.count > 39 {
                words.append("=?utf-8?B?\(Base64.encoded(bytes))?=")
                bytes = []
            }
            bytes += next
        }
        if !bytes.isEmpty { words.append("=?utf-8?B?\(Base64.encoded(bytes))?=") }
        return words.joined(separator: "\r\n ")
    }
}
