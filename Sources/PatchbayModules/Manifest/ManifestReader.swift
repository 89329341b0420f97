import PatchbayEvents

/// Reads keys of known types from a JSON value and remembers everything that is wrong.
struct ManifestReader {
    private(set) var problems: [ManifestError.Problem] = []

    mutating func problem(_ pointer: String, _ message: String) {
        problems.append(ManifestError.Problem(pointer: pointer, message: message))
    }

    /// Reports a missing key when `fallback` is `nil`, and what cannot be printed in one line of a terminal.
    mutating func string(
        _ key: String, of map: Value.Map, at base: String, or fallback: String?, max: Int = 64
    ) -> String {
        switch map[key] {
        case .string(let text):
            guard let problem = ManifestText.problem(of: text, max: max) else { return text }
            self.problem("\(base)/\(key)", problem)
            return fallback ?? ""
        case nil where fallback != nil: break
        case nil: problem("\(base)/\(key)", "missing; a string is required")
        default: problem("\(base)/\(key)", "must be a string")
        }
        return fallback ?? ""
    }

    /// - Parameter rule: why a text is not accepted, or `nil`.
    mutating func strings(
        _ key: String, of map: Value.Map, at base: String, rule: (String) -> String? = { _ in nil }
    ) -> [String] {
        guard let value = map[key] else { return [] }
        guard case .list(let items) = value else {
            problem("\(base)/\(key)", "must be a list of strings")
            return []
        }
        var found: [String] = []
        guard items.count <= ManifestText.itemsMax else {
            problem("\(base)/\(key)", "must have at most \(ManifestText.itemsMax) entries")
            return []
        }
        for (index, item) in items.enumerated() {
            guard case .string(let text) = item, !text.isEmpty else {
                problem("\(base)/\(key)/\(index)", "must be a string that is not empty")
                continue
            }
            if let problem = ManifestText.problem(of: text, max: ManifestText.itemCharactersMax) ?? rule(text) {
                self.problem("\(base)/\(key)/\(index)", problem)
            } else {
                found.append(text)
            }
        }
        return found
    }

    mutating func integer(
        _ key: String, of map: Value.Map, at base: String, in range: ClosedRange<Int64>, or fallback: Int64?
    ) -> Int64 {
        switch map[key] {
        case .int(let number) where range.contains(number): return number
        case nil where fallback != nil: break
        case nil: problem("\(base)/\(key)", "missing; an integer is required")
        default:
            problem("\(base)/\(key)", "must be an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return fallback ?? range.lowerBound
    }

    mutating func bool(_ key: String, of map: Value.Map, at base: String, or fallback: Bool) -> Bool {
        switch map[key] {
        case .bool(let flag): return flag
        case nil: return fallback
        default:
            problem("\(base)/\(key)", "must be true or false")
            return fallback
        }
    }

    /// `nil` when the key is absent; a wrong type is reported and gives `nil` too.
    mutating func map(_ key: String, of map: Value.Map, at base: String) -> Value.Map? {
        switch map[key] {
        case .map(let inner): return inner
        case nil: return nil
        default:
            problem("\(base)/\(key)", "must be an object")
            return nil
        }
    }

    /// A name as YAML can write it in `module.handler@version`.
    mutating func name(_ key: String, of map: Value.Map, at base: String) -> String {
        word(key, of: map, at: base, or: nil, extra: "0123456789_-", max: 63)
    }

    /// Lowercase letters, then also the bytes of `extra`.
    mutating func word(
        _ key: String, of map: Value.Map, at base: String, or fallback: String?, extra: String, max: Int
    ) -> String {
        let text = string(key, of: map, at: base, or: fallback)
        guard case .string? = map[key], !text.isEmpty else {
            if map[key] == .string("") { problem("\(base)/\(key)", "must not be empty") }
            return text
        }
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        let begins = text.utf8.first.map(letters.contains) ?? false
        if !begins || text.utf8.count > max
            || !text.utf8.allSatisfy({ letters.contains($0) || extra.utf8.contains($0) })
        {
            problem(
                "\(base)/\(key)", "must begin with a lowercase letter and hold at most \(max) of a-z and \(extra)")
        }
        return text
    }
}
