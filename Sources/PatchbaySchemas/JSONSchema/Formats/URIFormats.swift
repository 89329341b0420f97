/// URIs (RFC 3986) and, with Unicode, IRIs (RFC 3987).
enum URIFormats {
    static func isURI(_ text: String, allowsUnicode: Bool) -> Bool {
        URIReference(text).scheme != nil && isReference(text, allowsUnicode: allowsUnicode)
    }

    static func isReference(_ text: String, allowsUnicode: Bool) -> Bool {
        let parts = URIReference(text)
        // What looks like a scheme and is none is no path either: a first segment has no colon.
        if parts.scheme == nil, parts.authority == nil {
            let first = parts.path.utf8.prefix { $0 != UInt8(ascii: "/") }
            guard !first.contains(UInt8(ascii: ":")) else { return false }
        }
        // Private characters belong in the query alone.
        return isAuthority(parts.authority, allowsUnicode)
            && consists(parts.path, of: ":@/", allowsUnicode)
            && consists(parts.query ?? "", of: ":@/?", allowsUnicode, allowsPrivate: allowsUnicode)
            && consists(parts.fragment ?? "", of: ":@/?", allowsUnicode)
    }

    private static func isAuthority(_ authority: String?, _ allowsUnicode: Bool) -> Bool {
        guard var host = authority.map({ $0.utf8[...] }) else { return true }
        if let at = host.lastIndex(of: UInt8(ascii: "@")) {
            guard consists(String(Substring(host[..<at])), of: ":", allowsUnicode) else { return false }
            host = host[host.index(after: at)...]
        }
        if host.first == UInt8(ascii: "[") {
            guard let end = host.firstIndex(of: UInt8(ascii: "]")) else { return false }
            let port = host[host.index(after: end)...]
            guard port.isEmpty || port.first == UInt8(ascii: ":"), port.dropFirst().allSatisfy(\.isASCIIDigit) else {
                return false
            }
            let literal = host[..<end].dropFirst()
            return NetworkFormats.isIPv6(literal) || isFutureAddress(literal)
        }
        if let colon = host.firstIndex(of: UInt8(ascii: ":")) {
            guard host[host.index(after: colon)...].allSatisfy(\.isASCIIDigit) else { return false }
            host = host[..<colon]
        }
        return consists(String(Substring(host)), of: "", allowsUnicode)
    }

    /// `v`, hexadecimal digits, a dot and characters.
    private static func isFutureAddress(_ literal: Substring.UTF8View) -> Bool {
        guard let first = literal.first, first | 0x20 == UInt8(ascii: "v") else { return false }
        let version = literal.dropFirst().prefix { $0.hexDigitValue != nil }
        let rest = literal.dropFirst(1 + version.count)
        guard !version.isEmpty, rest.first == UInt8(ascii: "."), rest.count > 1 else { return false }
        return !rest.contains(UInt8(ascii: "%")) && consists(String(Substring(rest.dropFirst())), of: ":", false)
    }

    /// Unreserved characters, sub-delimiters, percent-encoded bytes and what else is given.
    private static func consists(
        _ text: String, of others: String, _ allowsUnicode: Bool, allowsPrivate: Bool = false
    ) -> Bool {
        var scalars = text.unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            guard scalar.isASCII else {
                guard allowsUnicode, isAllowedUnicode(scalar.value, allowsPrivate: allowsPrivate) else { return false }
                continue
            }
            let byte = UInt8(scalar.value)
            if byte == UInt8(ascii: "%") {
                for _ in 0..<2 {
                    guard let digit = scalars.next(), digit.isASCII, UInt8(digit.value).hexDigitValue != nil else {
                        return false
                    }
                }
                continue
            }
            guard
                byte.isASCIILetter || byte.isASCIIDigit || "-._~!$&'()*+,;=".utf8.contains(byte)
                    || others.utf8.contains(byte)
            else { return false }
        }
        return true
    }

    /// `ucschar` and `iprivate` of RFC 3987, section 2.2.
    private static func isAllowedUnicode(_ code: UInt32, allowsPrivate: Bool) -> Bool {
        switch code {
        case 0xA0...0xD7FF, 0xF900...0xFDCF, 0xFDF0...0xFFEF: true
        case 0xE000...0xF8FF, 0xF0000...0xFFFFD, 0x100000...0x10FFFD: allowsPrivate
        case 0x10000...0xDFFFD: code & 0xFFFF <= 0xFFFD
        case 0xE1000...0xEFFFD: true
        default: false
        }
    }
}
