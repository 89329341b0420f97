/// Guesses what a misspelt word was to be.
package enum Suggestion {
    /// `; did you mean 'x'?`, or nothing when no candidate is near.
    static func text(for word: String, among candidates: [String]) -> String {
        nearest(to: word, among: candidates).map { "; did you mean '\($0)'?" } ?? ""
    }

    /// The candidate with the fewest edits, at most a third of its length and never more than three.
    package static func nearest(to word: String, among candidates: [String]) -> String? {
        // Long words are no misspellings, and comparing them costs the product of the lengths.
        guard word.count <= 64 else { return nil }
        let folded = word.lowercased()
        var best: (edits: Int, candidate: String)?
        for candidate in candidates where candidate.count <= 64 {
            let edits = distance(Array(folded), Array(candidate.lowercased()))
            let allowed = min(3, max(1, candidate.count / 3))
            if edits <= allowed, best.map({ edits < $0.edits }) ?? true { best = (edits, candidate) }
        }
        return best?.candidate
    }

    /// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
    private static func distance(_ a: [Character], _ b: [Character]) -> Int {
        if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
        var beforeLast = [Int](repeating: 0, count: b.count + 1)
        var last = Array(0...b.count)
        for i in 1...a.count {
            var row = [i] + [Int](repeating: 0, count: b.count)
            for j in 1...b.count {
                row[j] = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    row[j] = min(row[j], beforeLast[j - 2] + 1)
                }
            }
            (beforeLast, last) = (last, row)
        }
        return last[b.count]
    }
}

/// Rules for names.
enum Names {
    static func isName(_ text: String) -> Bool {
        guard let first = text.first, first != "-" else { return false }
        return text.allSatisfy { $0 == "_" || $0 == "-" || ($0.isASCII && ($0.isLetter || $0.isNumber)) }
    }

    /// A host's name or address, maybe with a port; one of version 6 is in brackets.
    static func isHost(_ text: String) -> Bool {
        var name = text[...]
        if let colon = name.lastIndex(of: ":"), !name[colon...].contains("]") {
            guard let port = UInt16(name[name.index(after: colon)...]), port > 0 else { return false }
            name = name[..<colon]
        }
        if name.hasPrefix("["), name.hasSuffix("]") {
            return name.count > 2 && name.dropFirst().dropLast().allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
        }
        return !name.isEmpty && name.count <= 253
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "." || $0 == "_") }
    }

    /// A CloudEvents attribute: lower-case letters and digits.
    static func isAttribute(_ text: String) -> Bool {
        !text.isEmpty && text.allSatisfy { ("a"..."z").contains($0) || ("0"..."9").contains($0) }
    }
}

/// The work that brings a key which is known and not in this version.
enum LaterWork: String, Sendable {
    case log = "the durable log and delivery work"
    case routing = "the routing work"
    case modules = "the modules work"
    case http = "the HTTP work"
    case schemas = "the schema work"
    case patterns = "the patterns work"
    case workflows = "the workflows work"
    case fleet = "the fleet work"

    func refusal(of what: String) -> String { "\(what) is known, not in this version; \(rawValue) brings it" }
}
