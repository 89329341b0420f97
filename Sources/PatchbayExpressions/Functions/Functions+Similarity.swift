import PatchbayEvents

/// How alike two texts are, from 0 to 1.
let similarityFunctions: [Function] = [
    .global("similar") { (a, b, cost) throws(EvaluationError) in
        .double(try Similarity.jaroWinkler.measure(try a.asString(), try b.asString(), &cost))
    },
    .global("similar") { (a, b, measure, cost) throws(EvaluationError) in
        let name = try measure.asString()
        guard let measure = Similarity(rawValue: name) else {
            let names = Similarity.allCases.map(\.rawValue).joined(separator: ", ")
            throw EvaluationError(.invalidArgument, "`\(name)` is no measure of similarity; accepted: \(names)")
        }
        return .double(try measure.measure(try a.asString(), try b.asString(), &cost))
    },
]

/// A measure of how alike two texts are, by their Unicode scalars as they are: neither case nor accents are folded.
///
/// - Source: RapidFuzz 3, with which all four agree: `JaroWinkler.normalized_similarity`,
///   `Levenshtein.normalized_similarity`, `fuzz.token_sort_ratio` and `fuzz.token_set_ratio` (as parts of 1).
enum Similarity: String, CaseIterable {
    case jaroWinkler
    case levenshtein
    /// Words in alphabetical order, then by what has to be inserted and deleted.
    case tokenSort
    /// Words as sets: 1 when one text has all the words of the other.
    case tokenSet

    private typealias Scalars = [Unicode.Scalar]

    func measure(_ a: String, _ b: String, _ cost: inout Cost) throws(EvaluationError) -> Double {
        let (a, b) = (Array(a.unicodeScalars), Array(b.unicodeScalars))
        // Every measure compares each scalar with each other one at most.
        let pairs = a.count.multipliedReportingOverflow(by: b.count)
        try cost.spend(1 + a.count + b.count + (pairs.overflow ? .max / 4 : pairs.partialValue / 16))
        switch self {
        case .jaroWinkler: return Self.jaroWinkler(a, b)
        case .levenshtein:
            let longest = max(a.count, b.count)
            return longest == 0 ? 1 : 1 - Double(Self.editDistance(a, b)) / Double(longest)
        case .tokenSort: return Self.ratio(Self.joined(Self.words(a)), Self.joined(Self.words(b)))
        case .tokenSet: return Self.tokenSet(a, b)
        }
    }

    // MARK: - Jaro and Winkler

    private static func jaroWinkler(_ a: Scalars, _ b: Scalars) -> Double {
        let jaro = jaro(a, b)
        // Winkler's bonus for a shared beginning goes to texts that are rather alike already.
        guard jaro > 0.7 else { return jaro }
        let shared = zip(a.prefix(4), b.prefix(4)).prefix { $0 == $1 }.count
        return jaro + Double(shared) * 0.1 * (1 - jaro)
    }

    private static func jaro(_ a: Scalars, _ b: Scalars) -> Double {
        guard !a.isEmpty, !b.isEmpty else { return a.count == b.count ? 1 : 0 }
        let reach = max(0, max(a.count, b.count) / 2 - 1)
        var isTaken = [Bool](repeating: false, count: b.count)
        var matches: Scalars = []
        for (index, scalar) in a.enumerated() where index - reach < b.count {
            let window = max(0, index - reach)...min(b.count - 1, index + reach)
            guard let place = window.first(where: { !isTaken[$0] && b[$0] == scalar }) else { continue }
            isTaken[place] = true
            matches.append(scalar)
        }
        guard !matches.isEmpty else { return 0 }
        let others = b.indices.lazy.filter { isTaken[$0] }.map { b[$0] }
        let moved = zip(matches, others).count { $0 != $1 } / 2
        let count = Double(matches.count)
        return (count / Double(a.count) + count / Double(b.count) + (count - Double(moved)) / count) / 3
    }

    // MARK: - Edits

    /// Insertions, deletions and, unless told otherwise, substitutions that make one of the other.
    static func editDistance<T: Equatable>(_ a: [T], _ b: [T], substitution: Int = 1) -> Int {
        var row = Array(0...b.count)
        for (i, left) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, right) in b.enumerated() {
                let above = row[j + 1]
                row[j + 1] = left == right ? diagonal : min(diagonal + substitution, above + 1, row[j] + 1)
                diagonal = above
            }
        }
        return row[b.count]
    }

    private static func ratio(_ a: Scalars, _ b: Scalars) -> Double {
        share(editDistance(a, b, substitution: 2), of: a.count + b.count)
    }

    private static func share(_ distance: Int, of length: Int) -> Double {
        length == 0 ? 1 : 1 - Double(distance) / Double(length)
    }

    // MARK: - Words

    /// In alphabetical order.
    private static func words(_ text: Scalars) -> [Scalars] {
        text.split { $0.properties.isWhitespace }.map(Array.init).sorted { $0.lexicographicallyPrecedes($1) }
    }

    private static func joined(_ words: [Scalars]) -> Scalars { Scalars(words.joined(separator: [" "])) }

    private static func tokenSet(_ a: Scalars, _ b: Scalars) -> Double {
        let (a, b) = (words(a), words(b))
        guard !a.isEmpty, !b.isEmpty else { return 0 }
        let (aWords, bWords) = (Set(a), Set(b))
        let common = aWords.intersection(bWords)
        let aOnly = joined(aWords.subtracting(common).sorted { $0.lexicographicallyPrecedes($1) })
        let bOnly = joined(bWords.subtracting(common).sorted { $0.lexicographicallyPrecedes($1) })
        if !common.isEmpty, aOnly.isEmpty || bOnly.isEmpty { return 1 }
        // What both share stands before what each has alone, so that only the ends have to be compared.
        let shared = joined(Array(common)).count
        let gap = shared == 0 ? 0 : 1
        let whole = 2 * (shared + gap) + aOnly.count + bOnly.count
        let both = share(editDistance(aOnly, bOnly, substitution: 2), of: whole)
        guard shared > 0 else { return both }
        return max(
            both, share(gap + aOnly.count, of: 2 * shared + gap + aOnly.count),
            share(gap + bOnly.count, of: 2 * shared + gap + bOnly.count))
    }
}
