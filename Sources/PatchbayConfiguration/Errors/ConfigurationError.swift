/// One thing that is wrong with the configuration file, with its place and what would be accepted there.
package struct ConfigurationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Why a configuration is refused; open-ended, later versions add codes.
    package struct Code: Sendable, Hashable, RawRepresentable, CustomStringConvertible {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }
        package var description: String { rawValue }

        /// The file cannot be read, is too large or is not UTF-8.
        package static let unreadable = Code(rawValue: "unreadable")
        /// The text is not YAML.
        package static let syntax = Code(rawValue: "syntax")
        /// Nesting or alias expansion is past the bound.
        package static let tooLarge = Code(rawValue: "tooLarge")
        package static let unknownKey = Code(rawValue: "unknownKey")
        package static let duplicateKey = Code(rawValue: "duplicateKey")
        package static let missingKey = Code(rawValue: "missingKey")
        /// A key or value of a later version.
        package static let later = Code(rawValue: "later")
        package static let wrongType = Code(rawValue: "wrongType")
        /// Right type, but not a value that is accepted here.
        package static let badValue = Code(rawValue: "badValue")
        package static let outOfRange = Code(rawValue: "outOfRange")
        package static let duplicateName = Code(rawValue: "duplicateName")
        /// A policy or handler that nothing defines.
        package static let unresolved = Code(rawValue: "unresolved")
        /// Values that are fine alone and cannot hold together.
        package static let impossible = Code(rawValue: "impossible")
        /// A CEL text that does not compile.
        package static let expression = Code(rawValue: "expression")
        /// An environment variable or secret that is not there.
        package static let undefined = Code(rawValue: "undefined")
    }

    package var code: Code
    /// One line, without place; secrets are redacted.
    package var message: String
    package var location: SourceLocation
    /// Where in the tree, such as `routes[0].to[1].handler`; empty for the file as a whole.
    package var path: String
    /// What is accepted here; empty when that cannot be listed.
    package var accepted: [String]
    /// What to do about it; `nil` when the message says it already.
    package var remedy: String?

    package init(
        code: Code, message: String, location: SourceLocation, path: String, accepted: [String] = [],
        remedy: String? = nil
    ) {
        self.code = code
        self.message = message
        self.location = location
        self.path = path
        self.accepted = accepted
        self.remedy = remedy
    }

    /// `file:line:column: error: message`, then indented lines for accepted values and remedy.
    package var description: String {
        var text = "\(location): error: \(path.isEmpty ? "" : "\(path): ")\(message)"
        if !accepted.isEmpty { text += "\n    accepted: \(accepted.joined(separator: ", "))" }
        if let remedy { text += "\n    remedy: \(remedy)" }
        return text
    }
}

/// Everything that is wrong with a configuration, sorted by place; never empty.
package struct ConfigurationErrors: Error, Sendable, Equatable, CustomStringConvertible {
    package let errors: [ConfigurationError]

    package init(_ errors: [ConfigurationError]) {
        precondition(!errors.isEmpty, "an empty list of errors is a valid configuration")
        self.errors = errors.sortedByPlace()
    }

    package var description: String { errors.map(\.description).joined(separator: "\n") }
}

extension [ConfigurationError] {
    /// By file, line and column; one place keeps the order of discovery.
    func sortedByPlace() -> [ConfigurationError] {
        enumerated().sorted { left, right in
            let (a, b) = (left.element.location, right.element.location)
            return (a.file, a.line, a.column, left.offset) < (b.file, b.line, b.column, right.offset)
        }.map(\.element)
    }
}
