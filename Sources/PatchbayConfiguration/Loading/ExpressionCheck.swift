import PatchbayEvents
package import PatchbayExpressions

/// What an expression's text is for: decides its language, variables and result.
package enum ExpressionUse: Sendable {
    /// A condition over `event`.
    case condition
    /// A key over `event`; a list joins.
    case key
    /// A condition over a circuit breaker's counts.
    case trip
    /// A value over `event`, for a transform.
    case value
    /// A condition over an event's attributes, in CloudEvents SQL.
    case query
    /// A value over `event` and its data as bytes, for a C function.
    case argument
    /// A condition over what a C function gave.
    case outcome

    var name: String {
        switch self {
        case .condition: "condition"
        case .key: "key"
        case .trip: "trip condition"
        case .value: "value"
        case .query: "CESQL"
        case .argument: "argument"
        case .outcome: "condition"
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
    package static let tripVariables: [ExpressionEnvironment.Variable] = [
        .init("consecutiveFailures", .int), .init("requests", .int), .init("failureRatio", .double),
        .init("slowRatio", .double),
    ]

    /// What an argument of a C function may name beside the event's fields.
    package static let argumentVariables: [ExpressionEnvironment.Variable] = [.init("event.data_bytes", .bytes)]

    /// What `fail` and `retry` of a C function may name, in this order.
    package static let outcomeVariables: [ExpressionEnvironment.Variable] = [
        .init("result"), .init("errno", .int), .init("outs", .map(.string, .dyn)),
    ]

    /// Compiles with the host's CEL and CESQL.
    package static let compileExpression: ExpressionCheck = { text, use in
        let plan = FieldPlan()
        let environment =
            switch use {
            case .trip: ExpressionEnvironment(variables: tripVariables)
            case .argument: ExpressionEnvironment(eventPlan: plan, variables: argumentVariables)
            case .outcome: ExpressionEnvironment(variables: outcomeVariables)
            default: ExpressionEnvironment(eventPlan: plan)
            }
        do throws(ExpressionError) {
            if use == .query { return problem(of: try SQLExpression(text, plan: plan)) }
            let expression = try Expression(text, in: environment)
            switch use {
            case .condition: return problem(of: expression, readsEvent: plan.count > 0)
            case .key, .query: return nil
            case .argument: return expression.isConstant ? failure(of: expression) : nil
            case .outcome: return [.bool, .dyn].contains(expression.resultType) ? nil : noCondition
            case .value: return plan.count == 0 ? failure(of: expression) : nil
            case .trip: return tripSamples.lazy.compactMap { problem(of: expression, $0) }.first
            }
        } catch {
            return ExpressionProblem(
                message: error.message, offset: offset(of: error.position, in: text), accepted: error.accepted)
        }
    }

    /// Counts of breakers that have seen nothing, one call, a few and many, good and bad ones; as `tripVariables`.
    private static let tripSamples: [[Value]] = [
        [.int(0), .int(0), .double(0), .double(0)], [.int(1), .int(1), .double(1), .double(1)],
        [.int(3), .int(20), .double(0.5), .double(0.9)], [.int(0), .int(1_000_000), .double(0), .double(0)],
        [.int(1_000_000), .int(1_000_000), .double(1), .double(1)],
    ]

    /// A condition that reads nothing of the event has one value, which is known now; of others perhaps the type is.
    private static func problem(of expression: Expression, readsEvent: Bool) -> ExpressionProblem? {
        guard readsEvent, !expression.isConstant else { return problem(of: expression, []) }
        return [.bool, .dyn].contains(expression.resultType) ? nil : noCondition
    }

    private static func problem(of expression: Expression, _ variables: [Value]) -> ExpressionProblem? {
        do throws(EvaluationError) {
            if case .bool = try expression.evaluate(nil, variables: variables) { return nil }
            return noCondition
        } catch {
            guard let counts = variables.isEmpty ? nil : zip(tripVariables.map(\.name), variables) else {
                return ExpressionProblem(message: "it always fails: \(error.message)", offset: 0)
            }
            let sample = counts.map { "\($0) \($1.display)" }.joined(separator: ", ")
            return ExpressionProblem(message: "it fails at \(sample): \(error.message)", offset: 0)
        }
    }

    /// A query that names no attribute has one value, which is known now; of others perhaps the type is.
    private static func problem(of query: SQLExpression) -> ExpressionProblem? {
        let noCondition = ExpressionProblem(
            message: "it is neither true nor false", offset: 0, accepted: ["a comparison, as type LIKE 'com.acme.%'"])
        if query.otherType != nil { return noCondition }
        guard !query.readsEvent else { return nil }
        let result = query.evaluate(nil)
        return result.error.map { ExpressionProblem(message: "it always fails: \($0.message)", offset: 0) }
    }

    /// Why a constant has no value.
    private static func failure(of expression: Expression) -> ExpressionProblem? {
        do throws(EvaluationError) {
            _ = try expression.evaluate(nil)
            return nil
        } catch {
            return ExpressionProblem(message: "it always fails: \(error.message)", offset: 0)
        }
    }

    private static let noCondition = ExpressionProblem(
        message: "it is neither true nor false", offset: 0, accepted: ["a comparison, as event.data.total > 100"])

    /// Unicode scalars before `position`.
    static func offset(of position: SourcePosition, in text: String) -> Int {
        var line = 1
        var lineStart = 0
        for (index, scalar) in text.unicodeScalars.enumerated() where line < position.line && scalar == "\n" {
            line += 1
            lineStart = index + 1
        }
        return lineStart + position.column - 1
    }
}
