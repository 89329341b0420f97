enum MailFormats {
    private static let atomCharacters = Set("!#$%&'*+-/=?^_`{|}~".unicodeScalars)

    /// A mailbox of RFC 5321, section 4.1.2; with Unicode as RFC 6531 allows it.
    static func isAddress(_ text: String, allowsUnicode: Bool) -> Bool {
        let scalars = Array(text.unicodeScalars)
        guard let at = scalars.lastIndex(of: "@") else { return false }
        let local = scalars[..<at]
        let domain = String(String.UnicodeScalarView(scalars[(at + 1)...]))
        let isLocal =
            local.first == "\""
            ? isQuoted(local, allowsUnicode: allowsUnicode)
            : isDotAtom(local, allowsUnicode: allowsUnicode)
        return isLocal && local.reduce(0) { $0 + UTF8.width($1) } <= 64
            && isDomain(domain, allowsUnicode: allowsUnicode)
    }

    private static func isDotAtom(_ local: ArraySlice<Unicode.Scalar>, allowsUnicode: Bool) -> Bool {
        local.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { atom in
            !atom.isEmpty
                && atom.allSatisfy { scalar in
                    guard scalar.isASCII else { return allowsUnicode }
                    let byte = UInt8(scalar.value)
                    return byte.isASCIILetter || byte.isASCIIDigit || atomCharacters.contains(scalar)
                }
        }
    }

    private static func isQuoted(_ local: ArraySlice<Unicode.Scalar>, allowsUnicode: Bool) -> Bool {
        guard local.count >= 2, local.last == "\"" else { return false }
        var isEscaped = false
        for scalar in local.dropFirst().dropLast() {
            guard scalar.isASCII ? (0x20...0x7E).contains(scalar.value) : allowsUnicode else { return false }
            if isEscaped {
                isEscaped = false
            } else if scalar == "\\" {
                isEscaped = true
            } else if scalar == "\"" {
                return false
            }
        }
        return !isEscaped
    }

    private static func isDomain(_ domain: String, allowsUnicode: Bool) -> Bool {
        if domain.hasPrefix("["), domain.hasSuffix("]") {
            let literal = domain.utf8.dropFirst().dropLast()
            if Substring(literal).lowercased().hasPrefix("ipv6:") { return NetworkFormats.isIPv6(literal.dropFirst(5)) }
            return NetworkFormats.isIPv4(literal)
        }
        guard allowsUnicode else { return NetworkFormats.isHostName(domain) }
        let ascii = String(String.UnicodeScalarView(domain.unicodeScalars.map { $0.isASCII ? $0 : "x" }))
        return NetworkFormats.isHostName(ascii)
    }
}
