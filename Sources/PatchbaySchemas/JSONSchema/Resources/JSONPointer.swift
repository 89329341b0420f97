import PatchbayEvents

/// JSON pointers (RFC 6901).
enum JSONPointer {
    /// A reference token as it stands in a pointer.
    static func escaped(_ token: String) -> String {
        guard token.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else { return token }
        var result = ""
        for scalar in token.unicodeScalars {
            switch scalar {
            case "~": result += "~0"
            case "/": result += "~1"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// The reference tokens; `nil` when the text is no JSON pointer.
    static func tokens(_ pointer: String) -> [String]? {
        guard !pointer.utf8.isEmpty else { return [] }
        guard pointer.utf8.first == UInt8(ascii: "/") else { return nil }
        var tokens: [String] = []
        var token = String.UnicodeScalarView()
        var scalars = pointer.unicodeScalars.dropFirst().makeIterator()
        while let scalar = scalars.next() {
            switch scalar {
            case "/":
                tokens.append(String(token))
                token = .init()
            case "~":
                switch scalars.next() {
                case "0": token.append("~")
                case "1": token.append("/")
                default: return nil
                }
            default: token.append(scalar)
            }
        }
        return tokens + [String(token)]
    }

    /// What a token names inside a value; `nil` when there is nothing.
    static func step(_ token: String, into value: Value) -> Value? {
        switch value {
        case .map(let map): return map[token]
        case .list(let list):
            guard let index = Int(token), list.indices.contains(index), String(index) == token else { return nil }
            return list[index]
        default: return nil
        }
    }
}
