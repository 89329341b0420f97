/// Replaces `${NAME}`, `${NAME:-default}` and `${secret:name}` in text; `$${` stands for `${`.
struct Interpolation {
    struct Failure: Error {
        var message: String
        var remedy: String
    }

    private let inputs: ConfigurationInputs
    private(set) var secrets = Secrets()

    init(inputs: ConfigurationInputs) { self.inputs = inputs }

    mutating func apply(to text: String) throws(Failure) -> (text: String, holdsSecret: Bool) {
        guard text.contains("${") else { return (text, false) }
        var result = ""
        var holdsSecret = false
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[dollar...]
            if rest.hasPrefix("$${") {
                result += "${"
                rest = rest.dropFirst(3)
            } else if rest.hasPrefix("${") {
                guard let end = rest.firstIndex(of: "}") else {
                    throw Failure(
                        message: "'${' without its '}'", remedy: "close it, or write '$${' for a literal '${'")
                }
                let name = rest[..<end].dropFirst(2)
                if name.hasPrefix("secret:") {
                    result += try secret(String(name.dropFirst("secret:".count)))
                    holdsSecret = true
                } else {
                    result += try variable(name)
                }
                rest = rest[end...].dropFirst()
            } else {
                result += "$"
                rest = rest.dropFirst()
            }
        }
        return (result + rest, holdsSecret)
    }

    private func variable(_ expression: Substring) throws(Failure) -> String {
        let name: Substring
        let fallback: Substring?
        if let separator = expression.firstRange(of: ":-") {
            (name, fallback) = (expression[..<separator.lowerBound], expression[separator.upperBound...])
        } else {
            (name, fallback) = (expression, nil)
        }
        let isName =
            name.first.map { $0 == "_" || ($0.isASCII && $0.isLetter) } == true
            && name.allSatisfy { $0 == "_" || ($0.isASCII && ($0.isLetter || $0.isNumber)) }
        guard isName else {
            throw Failure(
                message: "'${\(expression)}' does not name an environment variable",
                remedy: "write ${NAME}, ${NAME:-default} or ${secret:name}, or '$${' for a literal '${'")
        }
        let value = inputs.environment[String(name)]
        // As in a shell: `:-` also stands in for an empty value.
        if let fallback { return value.map { $0.isEmpty ? String(fallback) : $0 } ?? String(fallback) }
        guard let value else {
            throw Failure(
                message: "the environment variable '\(name)' is not set",
                remedy: "set it, or give a default: ${\(name):-default}")
        }
        return value
    }

    private mutating func secret(_ name: String) throws(Failure) -> String {
        let isName =
            !name.isEmpty && !name.hasPrefix(".")
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) }
        guard isName else {
            throw Failure(
                message: "'${secret:\(name)}' does not name a secret",
                remedy: "name a file of the secrets folder: letters, digits, '.', '_' and '-'")
        }
        guard let folder = inputs.secretsDirectory else {
            throw Failure(
                message: "secret '\(name)' is used and there is no secrets folder", remedy: "name the secrets folder")
        }
        let value: String
        do {
            value = try TextFile.read("\(folder)/\(name)", bytesMax: 64 << 10)
        } catch {
            throw Failure(
                message: "secret '\(name)' cannot be read: \(error.reason)", remedy: "put it into \(folder)/\(name)")
        }
        let trimmed = value.hasSuffix("\r\n") || value.hasSuffix("\n") ? String(value.dropLast()) : value
        secrets.remember(trimmed)
        return trimmed
    }
}

/// Values that must not be printed.
package struct Secrets: Sendable, Equatable {
    /// Shorter ones would tear holes into everything that is printed.
    private static let lengthMin = 4

    private var values: [String] = []

    package init() {}

    mutating func remember(_ value: String) {
        guard value.count >= Self.lengthMin, !values.contains(value) else { return }
        values.append(value)
        // A secret that holds another one goes first.
        values.sort { $0.count > $1.count }
    }

    /// `text` with every secret replaced.
    package func redacted(_ text: String) -> String {
        values.reduce(text) { $0.replacing($1, with: Secrets.mark) }
    }

    /// `error` with every secret replaced, wherever it prints text.
    package func redacted(_ error: ConfigurationError) -> ConfigurationError {
        guard !values.isEmpty else { return error }
        var error = error
        error.message = redacted(error.message)
        error.path = redacted(error.path)
        error.accepted = error.accepted.map(redacted)
        error.remedy = error.remedy.map(redacted)
        return error
    }

    /// What stands in place of a secret.
    package static let mark = "[redacted]"
}
