import CPatchbayJSON
package import PatchbayEvents

/// A filter in CESQL, compiled once: the CloudEvents SQL expression language.
///
/// - Shape: reads the context attributes of an event through slots, and only those that it names; never `data`.
/// - Errors: evaluation stops at the first, and what has one does not match.
/// - Concurrency: immutable; any thread may evaluate.
/// - Source: CloudEvents SQL 1.0. Where it leaves a choice: characters are Unicode scalars; sums, differences,
///   products, quotients and negations over 32 bits are math errors of value 0; an evaluation has a bound on its steps.
package struct SQLExpression: Sendable {
    package let source: String
    let program: SQLProgram
    private let costMax: Int

    /// What an evaluation gives.
    package struct Result: Sendable {
        package let value: Value
        /// `nil` when there was none.
        package let error: Failure?
    }

    /// A class of error of the specification, and what happened.
    package struct Failure: Error, Sendable, Equatable {
        package enum Kind: String, Sendable {
            case math, cast, missingAttribute, missingFunction, functionEvaluation, generic
        }

        package let kind: Kind
        package let message: String
        package let position: SourcePosition
        let code: EvaluationError.Code
    }

    /// - Parameters:
    ///   - plan: receives a slot for each attribute that is named; `nil` where there is no event.
    ///   - checksFunctions: whether a function that there is not is an error now, rather than when evaluating.
    ///   - costMax: steps that one evaluation may take: about one for each 16 bytes of text.
    /// - Throws: the first mistake, with its place and what would be accepted.
    package init(
        _ source: String, plan: FieldPlan?, checksFunctions: Bool = true, costMax: Int = 1_000_000
    ) throws(ExpressionError) {
        program = SQLProgram(try SQLParser.parse(source, checksFunctions: checksFunctions), plan: plan)
        self.source = source
        self.costMax = costMax
    }

    /// Whether it names an attribute.
    package var readsEvent: Bool { program.readsEvent }

    /// What it gives instead of true or false, as far as that is known without an event; `nil` when nothing else is.
    package var otherType: String? {
        let type = program.type(of: 0)
        return type == .bool || type == .unknown ? nil : type.name
    }

    /// The value for an event, or for no event where `fields` is `nil`.
    package func evaluate(_ fields: FieldSlots?) -> Result { evaluate(0, fields) }

    /// Whether it is true for an event. Allocates only for texts that functions and casts make.
    package func matches(_ fields: FieldSlots) -> Match {
        var frame = SQLFrame(fields: fields.base, costMax: costMax)
        let value = program.run(0, &frame)
        if let fault = frame.fault { return .error(fault.code) }
        return value.kind == .bool ? (value.isTrue ? .yes : .no) : .error(.noSuchOverload)
    }

    func evaluate(_ index: Int, _ fields: FieldSlots?) -> Result {
        var frame = SQLFrame(fields: fields?.base, costMax: costMax)
        let value = program.run(index, &frame)
        return Result(value: frame.value(value), error: frame.fault.map { failure($0, at: frame.faultPlace) })
    }

    private func failure(_ fault: SQLFault, at index: Int) -> Failure {
        Failure(
            kind: fault.kind, message: fault.message(text(index)), position: position(index), code: fault.code)
    }

    /// The part of the source that an instruction stands for.
    func text(_ index: Int) -> String { String(decoding: Array(source.utf8)[program.ranges[index]], as: UTF8.self) }

    func position(_ index: Int) -> SourcePosition {
        SourcePosition(offset: program.ranges[index].lowerBound, in: Array(source.utf8))
    }
}

extension SQLFrame {
    /// The value as those of other expressions are.
    fileprivate func value(_ value: SQLValue) -> Value {
        switch value.kind {
        case .bool: .bool(value.isTrue)
        case .integer: .int(Int64(value.number))
        case .text, .scratch: .string(string(value))
        }
    }
}

extension SQLFault {
    fileprivate var kind: SQLExpression.Failure.Kind {
        switch self {
        case .missingAttribute: .missingAttribute
        case .missingFunction: .missingFunction
        case .divideByZero, .overflow: .math
        case .notInteger, .notBool: .cast
        case .negativeCount, .outsideOfText: .functionEvaluation
        case .costExceeded: .generic
        }
    }

    fileprivate var code: EvaluationError.Code {
        switch self {
        case .missingAttribute: .noSuchKey
        case .missingFunction: .unknownName
        case .divideByZero: .divideByZero
        case .overflow: .overflow
        case .notInteger, .notBool, .negativeCount: .invalidArgument
        case .outsideOfText: .indexOutOfRange
        case .costExceeded: .costExceeded
        }
    }

    /// For people; `part` is what failed, as written.
    fileprivate func message(_ part: String) -> String {
        switch self {
        case .missingAttribute: "the event has no attribute `\(part)`"
        case .missingFunction: "there is no function for `\(part)`"
        case .divideByZero: "`\(part)` divides by zero"
        case .overflow: "`\(part)` does not fit 32 bits"
        case .notInteger: "`\(part)` is not an integer of 32 bits"
        case .notBool: "`\(part)` is neither true nor false"
        case .negativeCount: "`\(part)` has a negative count"
        case .outsideOfText: "`\(part)` begins outside of the text"
        case .costExceeded: "the evaluation takes too many steps"
        }
    }
}
