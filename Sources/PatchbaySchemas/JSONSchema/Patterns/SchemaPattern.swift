import PatchbayExpressions

/// A `pattern` as schemas have it, ready to be searched for.
struct SchemaPattern: Sendable {
    /// As the schema has it.
    let source: String
    private let expression: RegularExpression

    init(source: String) throws(PatternError) {
        var translation = ECMATranslation(source, skipsUnsupported: false)
        let translated = try translation.translate()
        do throws(RegularExpression.SyntaxError) {
            expression = try RegularExpression(translated)
        } catch {
            throw PatternError(kind: .malformed, reason: "is no regular expression: \(error.message)")
        }
        self.source = source
    }

    /// Whether some part of the text matches.
    func matches(_ text: String) -> Bool { expression.matches(text) }

    /// Whether the text is a regular expression of ECMA-262, matchable here or not.
    static func isWellFormed(_ source: String) -> Bool {
        do {
            var translation = ECMATranslation(source, skipsUnsupported: true)
            _ = try RegularExpression(try translation.translate())
            return true
        } catch {
            return false
        }
    }
}

/// Why a pattern cannot be used.
struct PatternError: Error {
    enum Kind { case malformed, unsupported }

    let kind: Kind
    /// Continues "the pattern …".
    let reason: String
}
