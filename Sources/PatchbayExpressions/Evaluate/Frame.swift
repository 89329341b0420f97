import CPatchbayJSON
import PatchbayEvents

/// What one evaluation reads and spends.
struct Frame {
    let fields: UnsafePointer<pbj_field>?
    let variables: [Value]
    /// Variables that macros bind, by depth.
    var locals: [Value]
    var cost: Cost

    /// Spends steps for what is at `place`.
    mutating func spend(_ steps: Int, at place: SourcePosition) throws(EvaluationError) {
        do throws(EvaluationError) {
            try cost.spend(steps)
        } catch {
            throw error.at(place)
        }
    }

    /// Spends a step for each element, because a list may hold one list many times over and be endless to whoever
    /// writes it down.
    mutating func spend(handingOver value: Value, at place: SourcePosition) throws(EvaluationError) {
        switch value {
        case .list(let values):
            try spend(values.count, at: place)
            for value in values { try spend(handingOver: value, at: place) }
        case .map(let map):
            try spend(map.count, at: place)
            for entry in map.entries { try spend(handingOver: entry.value, at: place) }
        case .optional(let value?): try spend(handingOver: value, at: place)
        default: break
        }
    }
}

/// Steps that are left.
struct Cost {
    private(set) var remaining: Int

    init(_ max: Int) { remaining = max }

    /// `false` when that are more than are left.
    mutating func take(_ steps: Int) -> Bool {
        remaining -= steps
        return remaining >= 0
    }

    mutating func spend(_ steps: Int) throws(EvaluationError) {
        guard take(steps) else {
            throw EvaluationError(.costExceeded, "cost exceeded: the evaluation takes more steps than it may")
        }
    }

    /// For work along this many bytes.
    mutating func spend(bytes: Int) throws(EvaluationError) { try spend(1 + bytes / 16) }
}

/// A compiled expression. Throws carry the position of what failed.
typealias Step = @Sendable (inout Frame) throws(EvaluationError) -> Value
