/// Why a schema cannot be compiled: every problem found, outer schemas first. Retrying does not help.
package struct SchemaError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of problem; more may be added.
    package struct Code: Sendable, Hashable {
        package let name: String

        /// A keyword's value has the wrong type or range.
        package static let badKeyword = Code(name: "badKeyword")
        /// A reference leads nowhere.
        package static let unresolvedReference = Code(name: "unresolvedReference")
        /// References lead back to themselves without going into the instance.
        package static let endlessReference = Code(name: "endlessReference")
        /// A pattern is no regular expression, or one that cannot be matched in linear time.
        package static let badPattern = Code(name: "badPattern")
        /// `$schema` or `$vocabulary` asks for what is not offered.
        package static let unsupportedDialect = Code(name: "unsupportedDialect")
        /// An identifier or anchor is malformed or given twice.
        package static let badIdentifier = Code(name: "badIdentifier")
        /// Nested deeper than the limit.
        package static let tooDeep = Code(name: "tooDeep")
    }

    package struct Problem: Sendable, Hashable, CustomStringConvertible {
        package let code: Code
        package let message: String
        /// The keyword's place in the schema: `#/properties/port/maximum`, after the document's URI when it has one.
        package let location: String

        package init(_ code: Code, _ message: String, at location: String) {
            self.code = code
            self.message = message
            self.location = location
        }

        package var description: String { "\(location): \(message)" }
    }

    /// Never empty.
    package let problems: [Problem]

    package var code: Code { problems[0].code }
    package var message: String { problems[0].message }
    package var location: String { problems[0].location }

    package init(first: Problem, others: [Problem] = []) {
        problems = [first] + others
    }

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
