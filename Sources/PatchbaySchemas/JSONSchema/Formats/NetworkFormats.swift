enum NetworkFormats {
    typealias Bytes = Substring.UTF8View

    /// Four numbers up to 255 without leading zeros (RFC 2673, section 3.2).
    static func isIPv4(_ text: Bytes) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                guard (1...3).contains(part.count), part.allSatisfy(\.isASCIIDigit) else { return false }
                guard part.count == 1 || part.first != UInt8(ascii: "0") else { return false }
                return part.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) } <= 255
            }
    }

    /// RFC 4291, section 2.2.
    static func isIPv6(_ text: Bytes) -> Bool {
        var groups = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard groups.count >= 3 else { return false }
        var width = 0
        if let last = groups.last, last.contains(UInt8(ascii: ".")) {
            guard isIPv4(last) else { return false }
            groups.removeLast()
            width = 2
        }
        // Two colons give one empty group inside, and one more at an end of the text.
        let emptyAtStart = groups.first?.isEmpty ?? false
        let emptyAtEnd = width == 0 && (groups.last?.isEmpty ?? false)
        if emptyAtStart {
            guard groups.count > 1, groups[1].isEmpty else { return false }
            groups.removeFirst()
        }
        if emptyAtEnd {
            guard groups.count > 1, groups[groups.count - 2].isEmpty else { return false }
            groups.removeLast()
        }
        let gaps = groups.filter(\.isEmpty).count
        for group in groups where !group.isEmpty {
            guard group.count <= 4, group.allSatisfy({ $0.hexDigitValue != nil }) else { return false }
            width += 1
        }
        return gaps == 0 ? width == 8 : gaps == 1 && width < 8
    }

    /// Letters, digits and inner hyphens; labels of up to 63, 253 in all (RFC 1123, section 2.1). Of labels in
    /// Punycode only the prefix is looked at.
    static func isHostName(_ text: String) -> Bool {
        guard (1...253).contains(text.utf8.count) else { return false }
        return text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            guard (1...63).contains(label.count), label.first != UInt8(ascii: "-"), label.last != UInt8(ascii: "-")
            else { return false }
            guard label.allSatisfy({ $0.isASCIILetter || $0.isASCIIDigit || $0 == UInt8(ascii: "-") }) else {
                return false
            }
            // "--" third and fourth is reserved for what is encoded.
            let hasReservedHyphens = label.dropFirst(2).starts(with: "--".utf8)
            return !hasReservedHyphens || String(Substring(label)).lowercased().hasPrefix("xn--")
        }
    }
}
