import PatchbayEvents

/// The few protobuf messages that CEL takes for plain values: wrappers, JSON values, times.
extension Compiler {
    mutating func message(
        _ name: SyntaxNode, _ fields: [SyntaxNode.Field], _ syntax: SyntaxNode
    ) throws(ExpressionError) -> Node {
        let (components, isAbsolute) = qualifiedName(name) ?? ([], false)
        let written = components.joined(separator: ".")
        guard let known = resolve(written, isAbsolute: isAbsolute, { messages[$0] }) else {
            let text = "no message is named `\(written)`"
            guard environment.isChecked else {
                return make(.failure(EvaluationError(.unknownName, text)), .dyn, syntax)
            }
            throw failure(.unknownName, text, name, accepted: messages.keys.sorted())
        }
        var values: [Node] = []
        var names: [String] = []
        for field in fields {
            guard let fieldType = known.fields.first(where: { $0.key == field.name })?.value, !field.isOptional else {
                throw failure(
                    .unknownName, "`\(written)` has no such field: \(field.name)", field.value,
                    accepted: known.fields.map(\.key))
            }
            let value = try compile(field.value)
            _ = try checked(field.value) { (checker) throws(TypeChecker.Mismatch) in
                try checker.field(field.name, value.type, fieldType)
            }
            names.append(field.name)
            values.append(value)
        }
        guard let first = values.first else { return make(.constant(known.empty), known.type, syntax) }
        let build = known.build
        if values.count == 1 {
            let field = names[0]
            let function = Function.global(written) { (value, _) throws(EvaluationError) in
                try build([field: value])
            }
            return make(.call(function, [first]), known.type, syntax)
        }
        let order = names
        let function = Function.global(
            written,
            variadic: { (values, _) throws(EvaluationError) in
                try build(Dictionary(zip(order, values), uniquingKeysWith: { $1 }))
            })
        return make(.call(function, values), known.type, syntax)
    }
}

private struct Message: Sendable {
    let fields: KeyValuePairs<String, ExpressionType>
    let type: ExpressionType
    let empty: Value
    let build: @Sendable ([String: Value]) throws(EvaluationError) -> Value

    /// `null` makes the wrapper null, as an unset field does.
    static func wrapper(
        _ empty: Value, _ check: @escaping @Sendable (Value) throws(EvaluationError) -> Value
    ) -> Message {
        let type = ExpressionType.wrapper(ExpressionType(of: empty))
        return Message(fields: ["value": type], type: type, empty: empty) { (fields) throws(EvaluationError) in
            guard let value = fields["value"] else { return empty }
            if case .null = value { return .null }
            return try check(value)
        }
    }

    /// A wrapper of the values of one type.
    static func wrapper(of empty: Value) -> Message {
        wrapper(empty) { (value) throws(EvaluationError) in
            guard value.typeName == empty.typeName else { throw .overload }
            return value
        }
    }
}

private let messages: [String: Message] = [
    "google.protobuf.BoolValue": .wrapper(of: .bool(false)),
    "google.protobuf.StringValue": .wrapper(of: .string("")),
    "google.protobuf.BytesValue": .wrapper(of: .bytes([])),
    "google.protobuf.Int64Value": .wrapper(of: .int(0)),
    "google.protobuf.UInt64Value": .wrapper(of: .uint(0)),
    "google.protobuf.DoubleValue": .wrapper(of: .double(0)),
    "google.protobuf.Int32Value": .wrapper(.int(0)) { (value) throws(EvaluationError) in
        guard case .int(let number) = value else { throw .overload }
        guard Int32(exactly: number) != nil else { throw EvaluationError(.overflow, "the number needs over 32 bits") }
        return value
    },
    "google.protobuf.UInt32Value": .wrapper(.uint(0)) { (value) throws(EvaluationError) in
        guard case .uint(let number) = value else { throw .overload }
        guard UInt32(exactly: number) != nil else { throw EvaluationError(.overflow, "the number needs over 32 bits") }
        return value
    },
    "google.protobuf.FloatValue": .wrapper(.double(0)) { (value) throws(EvaluationError) in
        guard case .double(let number) = value else { throw .overload }
        return .double(Double(Float(number)))
    },
    "google.protobuf.Value": Message(
        fields: [
            "null_value": .dyn, "number_value": .double, "string_value": .string, "bool_value": .bool,
            "struct_value": .map(.string, .dyn), "list_value": .list(.dyn),
        ], type: .dyn, empty: .null
    ) { (fields) throws(EvaluationError) in
        guard let (name, value) = fields.first, fields.count == 1 else { throw .overload }
        return name == "null_value" ? .null : value
    },
    "google.protobuf.ListValue": Message(
        fields: ["values": .list(.dyn)], type: .list(.dyn), empty: .list([])
    ) { (fields) throws(EvaluationError) in
        guard case .list? = fields["values"] else { throw .overload }
        return fields["values"] ?? .null
    },
    "google.protobuf.Struct": Message(
        fields: ["fields": .map(.string, .dyn)], type: .map(.string, .dyn), empty: .map(Value.Map())
    ) { (fields) throws(EvaluationError) in
        guard case .map? = fields["fields"] else { throw .overload }
        return fields["fields"] ?? .null
    },
    "google.protobuf.Timestamp": Message(
        fields: ["seconds": .int, "nanos": .int], type: .timestamp, empty: .timestamp(.epoch)
    ) { (fields) throws(EvaluationError) in
        let (seconds, nanos) = try parts(fields)
        return .timestamp(try Operators.inRange(Value.Timestamp(seconds: seconds, nanoseconds: nanos)))
    },
    "google.protobuf.Duration": Message(
        fields: ["seconds": .int, "nanos": .int], type: .duration, empty: .duration(.zero)
    ) { (fields) throws(EvaluationError) in
        let (seconds, nanos) = try parts(fields)
        return .duration(try Operators.inRange(.seconds(seconds) + .nanoseconds(Int64(nanos))))
    },
]

private func parts(_ fields: [String: Value]) throws(EvaluationError) -> (seconds: Int64, nanos: Int32) {
    guard case .int(let seconds) = fields["seconds"] ?? .int(0), case .int(let nanos) = fields["nanos"] ?? .int(0),
        let small = Int32(exactly: nanos)
    else { throw .overload }
    return (seconds, small)
}
