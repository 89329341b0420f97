import PatchbayEvents

/// The math extension.
let mathFunctions: [Function] =
    [
        .global(
            "math.greatest",
            variadic: { (values, cost) throws(EvaluationError) in
                try extreme(values, .greater, &cost)
            }),
        .global(
            "math.least",
            variadic: { (values, cost) throws(EvaluationError) in
                try extreme(values, .less, &cost)
            }),
        .global("math.abs") { (value, _) throws(EvaluationError) in
            switch value {
            case .int(let number): return .int(try Operators.checked(absolute(number)))
            case .uint: return value
            case .double(let number): return .double(number.magnitude)
            default: throw .overload
            }
        },
        .global("math.sign") { (value, _) throws(EvaluationError) in
            switch value {
            case .int(let number): return .int(number.signum())
            case .uint(let number): return .uint(number == 0 ? 0 : 1)
            case .double(let number): return .double(number.isNaN ? .nan : number == 0 ? 0 : number < 0 ? -1 : 1)
            default: throw .overload
            }
        },
        .global("math.sqrt") { (value, _) throws(EvaluationError) in
            switch value {
            case .int(let number): return .double(Double(number).squareRoot())
            case .uint(let number): return .double(Double(number).squareRoot())
            case .double(let number): return .double(number.squareRoot())
            default: throw .overload
            }
        },
        .global("math.bitNot") { (value, _) throws(EvaluationError) in
            switch value {
            case .int(let number): return .int(~number)
            case .uint(let number): return .uint(~number)
            default: throw .overload
            }
        },
        .global("math.bitShiftLeft") { (value, offset, _) throws(EvaluationError) in
            try shift(value, offset) { $0 << UInt64($1) }
        },
        .global("math.bitShiftRight") { (value, offset, _) throws(EvaluationError) in
            try shift(value, offset) { $0 >> UInt64($1) }
        },
        .global("math.isNaN") { (value, _) throws(EvaluationError) in .bool(try value.asDouble().isNaN) },
        .global("math.isInf") { (value, _) throws(EvaluationError) in .bool(try value.asDouble().isInfinite) },
        .global("math.isFinite") { (value, _) throws(EvaluationError) in .bool(try value.asDouble().isFinite) },
    ]
    + rounding("math.ceil", .up) + rounding("math.floor", .down) + rounding("math.trunc", .towardZero)
    + rounding("math.round", .toNearestOrAwayFromZero)
    + bits("math.bitAnd") { $0 & $1 } + bits("math.bitOr") { $0 | $1 } + bits("math.bitXor") { $0 ^ $1 }

private func rounding(_ name: String, _ rule: FloatingPointRoundingRule) -> [Function] {
    [.global(name) { (value, _) throws(EvaluationError) in .double(try value.asDouble().rounded(rule)) }]
}

private func bits(_ name: String, _ operation: @escaping @Sendable (UInt64, UInt64) -> UInt64) -> [Function] {
    [
        .global(name) { (a, b, _) throws(EvaluationError) in
            switch (a, b) {
            case (.int(let a), .int(let b)):
                return .int(Int64(bitPattern: operation(UInt64(bitPattern: a), UInt64(bitPattern: b))))
            case (.uint(let a), .uint(let b)): return .uint(operation(a, b))
            default: throw .overload
            }
        }
    ]
}

/// Both directions fill with zeros.
private func shift(
    _ value: Value, _ offset: Value, _ operation: (UInt64, Int) -> UInt64
) throws(EvaluationError) -> Value {
    let offset = try offset.asInt()
    guard offset >= 0 else { throw EvaluationError(.invalidArgument, "the offset is negative: \(offset)") }
    switch value {
    case .int(let number): return .int(Int64(bitPattern: operation(UInt64(bitPattern: number), offset)))
    case .uint(let number): return .uint(operation(number, offset))
    default: throw .overload
    }
}

private func absolute(_ number: Int64) -> (partialValue: Int64, overflow: Bool) {
    number < 0 ? Int64(0).subtractingReportingOverflow(number) : (number, false)
}

/// Of several numbers, or of a list of them; the first of equal ones.
private func extreme(
    _ operands: [Value], _ wanted: Value.NumericOrder, _ cost: inout Cost
) throws(EvaluationError) -> Value {
    var values = operands
    if operands.count == 1, case .list(let list) = operands[0] { values = list }
    try cost.spend(values.count)
    guard var best = values.first else {
        throw EvaluationError(.invalidArgument, "an empty list has neither a greatest nor a least element")
    }
    guard Value.numericOrder(best, best) != nil else { throw .overload }
    for value in values.dropFirst() {
        guard let order = Value.numericOrder(value, best) else { throw .overload }
        if order == wanted { best = value }
    }
    return best
}
