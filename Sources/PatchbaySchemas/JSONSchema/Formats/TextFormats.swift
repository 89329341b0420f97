enum TextFormats {
    /// RFC 4122, section 3.
    static func isUUID(_ text: String) -> Bool {
        guard text.utf8.count == 36 else { return false }
        return text.utf8.enumerated().allSatisfy { position, byte in
            [8, 13, 18, 23].contains(position) ? byte == UInt8(ascii: "-") : byte.hexDigitValue != nil
        }
    }

    /// Relative JSON Pointers, draft-handrews-relative-json-pointer-01, section 3.
    static func isRelativeJSONPointer(_ text: String) -> Bool {
        let digits = text.utf8.prefix { $0.isASCIIDigit }
        guard !digits.isEmpty, digits.count == 1 || digits.first != UInt8(ascii: "0") else { return false }
        let rest = String(text.utf8.dropFirst(digits.count)) ?? ""
        return rest == "#" || JSONPointer.tokens(rest) != nil
    }
}
