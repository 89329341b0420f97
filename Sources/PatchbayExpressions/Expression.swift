package import PatchbayEvents

/// A condition, key or transform in CEL, compiled once.
///
/// - Shape: reads an event's fields through the slots of its environment's plan, and variables by index.
/// - Concurrency: immutable; any thread may evaluate.
/// - Source: the CEL language definition (google/cel-spec), with its strings, math, encoders, bindings, optional-types
///   and two-variable extensions. Two departures, because JSON has one type of number and paths are read as a whole:
///   where a field of the event is an operand, arithmetic mixes integers and doubles; and `has(event.data.a.b)` is
///   false, not an error, when `a` is missing.
package struct Expression: Sendable {
    package let source: String
    let root: Node
    let localsMax: Int
    private let step: Step
    private let program: PredicateProgram
    private let costMax: Int

    /// - Throws: the first mistake, with its place and what would be accepted.
    package init(_ source: String, in environment: ExpressionEnvironment) throws(ExpressionError) {
        let syntax = try Parser.parse(source)
        var compiler = Compiler(source: source, environment: environment)
        root = try compiler.compile(syntax)
        resultType = compiler.checker.final(root.type)
        localsMax = compiler.localsMax
        step = root.step()
        program = PredicateProgram(root, localsMax: localsMax)
        costMax = environment.costMax
        self.source = source
    }

    /// Whether it reads neither the event nor a variable.
    package var isConstant: Bool { root.constant != nil }

    /// The type of every value that it has; `dyn` when that is known only when evaluating.
    package let resultType: ExpressionType

    /// Conditions in it that are not tested in place but evaluated in general, at some hundred nanoseconds each.
    package var generalStepCount: Int { program.stepCount }

    /// The value for an event, or for no event where `fields` is `nil`.
    ///
    /// - Parameter variables: one for each of the environment's, in its order.
    /// - Errors: every code of `EvaluationError`; evaluating again gives the same.
    package func evaluate(_ fields: FieldSlots?, variables: [Value] = []) throws(EvaluationError) -> Value {
        var frame = frame(fields, variables)
        let value = try step(&frame)
        try frame.spend(handingOver: value, at: root.position)
        return value
    }

    /// Whether it is true for an event. Comparisons of fields with constants neither throw nor allocate.
    package func matches(_ fields: FieldSlots) -> Match {
        program.matches(fields.base, [], costMax: costMax)
    }

    /// Whether it is true for these variables.
    package func matches(_ fields: FieldSlots?, variables: [Value]) -> Match {
        program.matches(fields?.base, variables, costMax: costMax)
    }

    func frame(_ fields: FieldSlots?, _ variables: [Value]) -> Frame {
        let locals = localsMax == 0 ? [] : [Value](repeating: .null, count: localsMax)
        return Frame(fields: fields?.base, variables: variables, locals: locals, cost: Cost(costMax))
    }
}
