/// Whether an expression holds for an event.
package enum Match: Sendable, Equatable {
    case yes
    case no
    /// It has no value: a field is missing, or its type does not fit.
    case error(EvaluationError.Code)
}
