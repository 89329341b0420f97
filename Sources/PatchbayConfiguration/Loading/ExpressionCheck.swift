import PatchbayEvents
import PatchbayExpressions

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
    /// What `trip` may name, in the order in which a breaker hands the values over.
    package static let tripVariables = ["consecutiveFailures", "requests", "failureRatio", "slowRatio"]

    /// Compiles with the host's CEL.
    package static let compileExpression: ExpressionCheck = { text, use in
        let environment =
            switch use {
            case .condition, .key: ExpressionEnvironment(eventPlan: FieldPlan())
            case .trip: ExpressionEnvironment(variables: tripVariables)
            }
        do throws(ExpressionError) {
            return constantProblem(of: try Expression(text, in: environment), use)
        } catch {
            return ExpressionProblem(
                message: error.message, offset: offset(of: error.position, in: text), accepted: error.accepted)
        }
    }

    /// A condition that reads nothing is fine when it is true or false, and a mistake otherwise.
    private static func constantProblem(of expression: Expression, _ use: ExpressionUse) -> ExpressionProblem? {
        guard expression.isConstant, use != .key else { return nil }
        do throws(EvaluationError) {
            if case .bool = try expression.evaluate(nil) { return nil }
            return ExpressionProblem(
                message: "it is neither true nor false", offset: 0,
                accepted: ["a comparison, as event.data.total > 100"])
        } catch {
            return ExpressionProblem(message: "it always fails: \(error.message)", offset: 0)
        }
    }

    /// Unicode scalars before `position`.
    private static func offset(of position: SourcePosition, in text: String) -> Int {
        var line = 1
        var lineStart = 0
        for (index, scalar) in text.unicodeScalars.enumerated() where line < position.line && scalar == "\n" {
            line += 1
            lineStart = index + 1
        }
        return lineStart + position.column - 1
    }
}
