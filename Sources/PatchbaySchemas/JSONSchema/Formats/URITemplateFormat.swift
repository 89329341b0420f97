/// URI templates (RFC 6570, section 2), of every level.
enum URITemplateFormat {
    static func isTemplate(_ text: String) -> Bool {
        var rest = text.utf8[...]
        while let byte = rest.first {
            switch byte {
            case UInt8(ascii: "{"):
                guard let end = rest.firstIndex(of: UInt8(ascii: "}")) else { return false }
                guard isExpression(rest[..<end].dropFirst()) else { return false }
                rest = rest[rest.index(after: end)...]
            case UInt8(ascii: "%"):
                guard isPercentEncoded(rest) else { return false }
                rest = rest.dropFirst(3)
            case 0...0x20, 0x7F, UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"),
                UInt8(ascii: "\\"), UInt8(ascii: "^"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "}"):
                return false
            default: rest = rest.dropFirst()
            }
        }
        return true
    }

    private static func isExpression(_ expression: Substring.UTF8View) -> Bool {
        var list = expression
        // The last five are reserved for the future and no templates today; they parse.
        if let first = list.first, "+#./;?&=,!@|".utf8.contains(first) { list = list.dropFirst() }
        return list.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).allSatisfy(isVariable)
    }

    private static func isVariable(_ variable: Substring.UTF8View) -> Bool {
        var name = variable
        if name.last == UInt8(ascii: "*") {
            name = name.dropLast()
        } else if let colon = name.firstIndex(of: UInt8(ascii: ":")) {
            let length = name[name.index(after: colon)...]
            guard (1...4).contains(length.count), length.allSatisfy(\.isASCIIDigit), length.first != UInt8(ascii: "0")
            else { return false }
            name = name[..<colon]
        }
        return name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { part in
            var rest = part
            guard !rest.isEmpty else { return false }
            while let byte = rest.first {
                if byte == UInt8(ascii: "%") {
                    guard isPercentEncoded(rest) else { return false }
                    rest = rest.dropFirst(3)
                } else {
                    guard byte.isASCIILetter || byte.isASCIIDigit || byte == UInt8(ascii: "_") else { return false }
                    rest = rest.dropFirst()
                }
            }
            return true
        }
    }

    private static func isPercentEncoded(_ text: Substring.UTF8View) -> Bool {
        let digits = text.dropFirst().prefix(2)
        return digits.count == 2 && digits.allSatisfy { $0.hexDigitValue != nil }
    }
}
