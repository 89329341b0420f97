import PatchbayEvents

let optionalFunctions: [Function] = [
    Function(name: "optional.none", isMember: false, body: .constant(.optional(nil))),
    .global("optional.of") { (value, _) throws(EvaluationError) in .optional(value) },
    .global("optional.ofNonZeroValue") { (value, _) throws(EvaluationError) in
        .optional(value.isZero ? nil : value)
    },
    .member("hasValue") { (value, _) throws(EvaluationError) in .bool(try value.asOptional() != nil) },
    .member("value") { (value, _) throws(EvaluationError) in
        guard let content = try value.asOptional() else {
            throw EvaluationError(.invalidArgument, "the optional has no value")
        }
        return content
    },
    .member("or") { (value, other, _) throws(EvaluationError) in
        let (first, second) = (try value.asOptional(), try other.asOptional())
        return .optional(first ?? second)
    },
    .member("orValue") { (value, other, _) throws(EvaluationError) in try value.asOptional() ?? other },
    .global("optional.unwrap", unwrap), .member("unwrapOpt", unwrap),
    .member("first") { (list, _) throws(EvaluationError) in .optional(try list.asList().first) },
    .member("last") { (list, _) throws(EvaluationError) in .optional(try list.asList().last) },
]

private let unwrap: Function.Unary = { (list, cost) throws(EvaluationError) in
    var values: [Value] = []
    let elements = try list.asList()
    try cost.spend(elements.count)
    for element in elements {
        if let value = try element.asOptional() { values.append(value) }
    }
    return .list(values)
}

extension Value {
    fileprivate func asOptional() throws(EvaluationError) -> Value? {
        guard case .optional(let value) = self else { throw .overload }
        return value
    }

    /// Whether this is the value that a field has which was never set.
    fileprivate var isZero: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .int(let value): value == 0
        case .uint(let value): value == 0
        case .double(let value): value == 0
        case .string(let value): value.isEmpty
        case .bytes(let value): value.isEmpty
        case .list(let value): value.isEmpty
        case .map(let value): value.isEmpty
        case .duration(let value): value == .zero
        case .timestamp(let value): value.seconds == 0 && value.nanoseconds == 0
        case .type, .cidr: false
        case .ip(let address): address.isUnspecified
        case .optional(let value): value == nil
        }
    }
}
