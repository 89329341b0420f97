/// Why an expression has no value for an event.
package struct EvaluationError: Error, Sendable, Equatable {
    /// Small, so that matching can hand it back without an allocation.
    package enum Code: UInt8, Sendable, CaseIterable {
        /// A field or a map's key that is not there.
        case noSuchKey = 2
        /// An operator or function met operands of types that it does not take.
        case noSuchOverload
        case divideByZero
        /// Integer arithmetic, or a time, left its range.
        case overflow
        /// A list's index is outside of the list.
        case indexOutOfRange
        /// A conversion or function met a value that it cannot use.
        case invalidArgument
        /// A regular expression built at run time is not one.
        case invalidPattern
        /// A map literal has one key twice.
        case duplicateKey
        /// A name or function that nothing declares (only where names are not checked when compiling).
        case unknownName
        /// The evaluation took more steps than `ExpressionEnvironment.costMax`.
        case costExceeded
        /// The field's JSON text could not be read.
        case invalidData
    }

    package let code: Code
    package let message: String
    /// Where in the expression's text; `nil` until known.
    package var position: SourcePosition?

    package init(_ code: Code, _ message: String, position: SourcePosition? = nil) {
        self.code = code
        self.message = message
        self.position = position
    }

    func at(_ place: SourcePosition) -> EvaluationError {
        position == nil ? EvaluationError(code, message, position: place) : self
    }
}

extension EvaluationError: CustomStringConvertible {
    package var description: String {
        (position.map { "\($0.line):\($0.column): " } ?? "") + message
    }
}
