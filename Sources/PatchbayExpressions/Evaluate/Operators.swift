import PatchbayEvents

/// Comparison and arithmetic on values.
enum Operators {
    /// As `==` of `Value`, at a cost for what lists and maps hold: a value may contain another one many times over.
    static func equal(_ a: Value, _ b: Value, _ cost: inout Cost) throws(EvaluationError) -> Bool {
        switch (a, b) {
        case (.list(let a), .list(let b)):
            guard a.count == b.count else { return false }
            for (left, right) in zip(a, b) {
                try cost.spend(1)
                guard try equal(left, right, &cost) else { return false }
            }
            return true
        case (.map(let a), .map(let b)):
            guard a.count == b.count else { return false }
            for (key, left) in a.entries {
                try cost.spend(1)
                guard let right = b[key], try equal(left, right, &cost) else { return false }
            }
            return true
        case (.optional(let a?), .optional(let b?)): return try equal(a, b, &cost)
        case (.string(let a), .string(let b)):
            try cost.spend(bytes: a.utf8.count)
            return a.isIdenticalUTF8(to: b)
        default: return a == b
        }
    }

    static func compare(
        _ relation: Node.Relation, _ a: Value, _ b: Value, _ cost: inout Cost
    ) throws(EvaluationError) -> Bool {
        switch relation {
        case .equal: try equal(a, b, &cost)
        case .notEqual: try !equal(a, b, &cost)
        default: relation.holds(try order(a, b, &cost))
        }
    }

    static func order(_ a: Value, _ b: Value, _ cost: inout Cost) throws(EvaluationError) -> Value.NumericOrder {
        if let numeric = Value.numericOrder(a, b) { return numeric }
        switch (a, b) {
        case (.string(let a), .string(let b)):
            try cost.spend(bytes: min(a.utf8.count, b.utf8.count))
            return order(a.utf8, b.utf8)
        case (.bytes(let a), .bytes(let b)):
            try cost.spend(bytes: min(a.count, b.count))
            return order(a, b)
        case (.bool(let a), .bool(let b)): return a == b ? .equal : b ? .less : .greater
        case (.timestamp(let a), .timestamp(let b)): return a < b ? .less : a == b ? .equal : .greater
        case (.duration(let a), .duration(let b)): return a < b ? .less : a == b ? .equal : .greater
        default: throw .overload
        }
    }

    private static func order<T: Sequence<UInt8>>(_ a: T, _ b: T) -> Value.NumericOrder {
        a.lexicographicallyPrecedes(b) ? .less : b.lexicographicallyPrecedes(a) ? .greater : .equal
    }

    static func contains(_ element: Value, in collection: Value, _ cost: inout Cost) throws(EvaluationError) -> Bool {
        switch collection {
        case .list(let elements):
            for candidate in elements {
                try cost.spend(1)
                if try equal(candidate, element, &cost) { return true }
            }
            return false
        case .map(let map): return Value.Key(lookingUp: element).map { map[$0] != nil } ?? false
        default: throw .overload
        }
    }

    // MARK: - Arithmetic

    static func add(_ a: Value, _ b: Value, _ cost: inout Cost) throws(EvaluationError) -> Value {
        switch (a, b) {
        case (.int(let a), .int(let b)): return .int(try checked(a.addingReportingOverflow(b)))
        case (.uint(let a), .uint(let b)): return .uint(try checked(a.addingReportingOverflow(b)))
        case (.double(let a), .double(let b)): return .double(a + b)
        case (.string(let a), .string(let b)):
            try cost.spend(bytes: a.utf8.count + b.utf8.count)
            return .string(a + b)
        case (.bytes(let a), .bytes(let b)):
            try cost.spend(bytes: a.count + b.count)
            return .bytes(a + b)
        case (.list(let a), .list(let b)):
            try cost.spend(a.count + b.count)
            return .list(a + b)
        case (.timestamp(let time), .duration(let duration)), (.duration(let duration), .timestamp(let time)):
            return .timestamp(try inRange(time.adding(duration)))
        case (.duration(let a), .duration(let b)): return .duration(try inRange(a + b))
        default: throw .overload
        }
    }

    static func subtract(_ a: Value, _ b: Value, _ cost: inout Cost) throws(EvaluationError) -> Value {
        switch (a, b) {
        case (.int(let a), .int(let b)): return .int(try checked(a.subtractingReportingOverflow(b)))
        case (.uint(let a), .uint(let b)): return .uint(try checked(a.subtractingReportingOverflow(b)))
        case (.double(let a), .double(let b)): return .double(a - b)
        case (.timestamp(let a), .timestamp(let b)): return .duration(try inRange(a - b))
        case (.timestamp(let time), .duration(let duration)):
            return .timestamp(try inRange(time.adding(.zero - duration)))
        case (.duration(let a), .duration(let b)): return .duration(try inRange(a - b))
        default: throw .overload
        }
    }

    static func multiply(_ a: Value, _ b: Value, _ cost: inout Cost) throws(EvaluationError) -> Value {
        switch (a, b) {
        case (.int(let a), .int(let b)): return .int(try checked(a.multipliedReportingOverflow(by: b)))
        case (.uint(let a), .uint(let b)): return .uint(try checked(a.multipliedReportingOverflow(by: b)))
        case (.double(let a), .double(let b)): return .double(a * b)
        default: throw .overload
        }
    }

    static func divide(_ a: Value, _ b: Value, _ cost: inout Cost) throws(EvaluationError) -> Value {
        switch (a, b) {
        case (.int, .int(0)), (.uint, .uint(0)): throw EvaluationError(.divideByZero, "division by zero")
        case (.int(let a), .int(let b)): return .int(try checked(a.dividedReportingOverflow(by: b)))
        case (.uint(let a), .uint(let b)): return .uint(a / b)
        case (.double(let a), .double(let b)): return .double(a / b)
        default: throw .overload
        }
    }

    static func remainder(_ a: Value, _ b: Value, _ cost: inout Cost) throws(EvaluationError) -> Value {
        switch (a, b) {
        case (.int, .int(0)), (.uint, .uint(0)): throw EvaluationError(.divideByZero, "remainder of a division by zero")
        case (.int(let a), .int(let b)): return .int(try checked(a.remainderReportingOverflow(dividingBy: b)))
        case (.uint(let a), .uint(let b)): return .uint(a % b)
        default: throw .overload
        }
    }

    static func negate(_ a: Value, _ cost: inout Cost) throws(EvaluationError) -> Value {
        switch a {
        case .int(let a): return .int(try checked(Int64(0).subtractingReportingOverflow(a)))
        case .double(let a): return .double(-a)
        default: throw .overload
        }
    }

    /// JSON has one type of number, so where a field of an event is an operand, an integer and a double mix: the
    /// same producer may write 10 now and 10.5 then.
    static func mixing(_ operation: @escaping Function.Binary) -> Function.Binary {
        { (a, b, cost) throws(EvaluationError) in
            switch (a, b) {
            case (.double, .int(let b)): try operation(a, .double(Double(b)), &cost)
            case (.double, .uint(let b)): try operation(a, .double(Double(b)), &cost)
            case (.int(let a), .double): try operation(.double(Double(a)), b, &cost)
            case (.uint(let a), .double): try operation(.double(Double(a)), b, &cost)
            default: try operation(a, b, &cost)
            }
        }
    }

    static func checked<T>(_ result: (partialValue: T, overflow: Bool)) throws(EvaluationError) -> T {
        if result.overflow { throw EvaluationError(.overflow, "integer overflow") }
        return result.partialValue
    }

    static func inRange(_ time: Value.Timestamp?) throws(EvaluationError) -> Value.Timestamp {
        guard let time else { throw EvaluationError(.overflow, "the time is outside of years 1 to 9999") }
        return time
    }

    static func inRange(_ duration: Duration) throws(EvaluationError) -> Duration {
        guard duration.nanoseconds64 != nil else {
            throw EvaluationError(.overflow, "the duration does not fit in 64 bits of nanoseconds")
        }
        return duration
    }
}

extension Node.Relation {
    func holds(_ order: Value.NumericOrder) -> Bool {
        switch self {
        case .equal: order == .equal
        case .notEqual: order != .equal
        case .less: order == .less
        case .lessOrEqual: order == .less || order == .equal
        case .greater: order == .greater
        case .greaterOrEqual: order == .greater || order == .equal
        }
    }

    /// The same with its operands exchanged.
    var flipped: Self {
        switch self {
        case .equal, .notEqual: self
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        }
    }
}
