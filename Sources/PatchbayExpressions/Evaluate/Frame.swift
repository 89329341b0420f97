import CPatchbayJSON
import PatchbayEvents

/// What one evaluation reads and spends.
struct Frame {
    let fields: UnsafePointer<pbj_field>?
    let variables: [Value]
    /// Variables that macros bind, by depth.
    var locals: [Value]
    var cost: Cost
}

/// Steps that are left.
struct Cost {
    private(set) var remaining: Int

    init(_ max: Int) { remaining = max }

    mutating func spend(_ steps: Int) throws(EvaluationError) {
        remaining -= steps
        if remaining < 0 { throw EvaluationError(.costExceeded, "the evaluation takes too many steps") }
    }

    /// For work along this many bytes.
    mutating func spend(bytes: Int) throws(EvaluationError) { try spend(1 + bytes / 16) }
}

/// A compiled expression. Throws carry the position of what failed.
typealias Step = @Sendable (inout Frame) throws(EvaluationError) -> Value
