import PatchbayEvents

extension Node {
    func collectionStep() -> Step {
        let place = position
        switch kind {
        case .select(let node, let name):
            let operand = node.step()
            let key = Value.string(name)
            return { (frame) throws(EvaluationError) in
                try Self.located(place) { () throws(EvaluationError) in
                    try Self.member(key, of: try operand(&frame), isSelection: true)
                }
            }
        case .presence(let node, let name):
            let operand = node.step()
            return { (frame) throws(EvaluationError) in
                try Self.located(place) { () throws(EvaluationError) in
                    .bool(try Self.has(name, in: try operand(&frame)))
                }
            }
        case .optionalSelect(let node, let name):
            let operand = node.step()
            let key = Value.string(name)
            return { (frame) throws(EvaluationError) in
                try Self.located(place) { () throws(EvaluationError) in
                    try Self.optionalMember(key, of: try operand(&frame), isSelection: true)
                }
            }
        case .index(let collection, let index):
            let (first, second) = (collection.step(), index.step())
            return { (frame) throws(EvaluationError) in
                try Self.located(place) { () throws(EvaluationError) in
                    let operand = try first(&frame)
                    return try Self.member(try second(&frame), of: operand, isSelection: false)
                }
            }
        case .optionalIndex(let collection, let index):
            let (first, second) = (collection.step(), index.step())
            return { (frame) throws(EvaluationError) in
                try Self.located(place) { () throws(EvaluationError) in
                    let operand = try first(&frame)
                    return try Self.optionalMember(try second(&frame), of: operand, isSelection: false)
                }
            }
        case .list(let elements): return Self.list(elements.map { ($0.value.step(), $0.isOptional) }, at: place)
        case .map(let entries):
            return Self.map(entries.map { ($0.key.step(), $0.value.step(), $0.isOptional) }, at: place)
        default: preconditionFailure("not a collection's node")
        }
    }

    private static func located<T>(
        _ place: SourcePosition, _ body: () throws(EvaluationError) -> T
    ) throws(EvaluationError) -> T {
        do throws(EvaluationError) {
            return try body()
        } catch {
            throw error.at(place)
        }
    }

    // MARK: - Reading

    /// The entry or element; of an optional, an optional.
    private static func member(
        _ key: Value, of operand: Value, isSelection: Bool
    ) throws(EvaluationError) -> Value {
        switch operand {
        case .map(let map):
            guard let found = Value.Key(lookingUp: key).flatMap({ map[$0] }) else {
                throw EvaluationError(.noSuchKey, "no such key: \(key.display)")
            }
            return found
        case .list(let list) where !isSelection: return list[try position(key, in: list)]
        case .optional: return try optionalMember(key, of: operand, isSelection: isSelection)
        default: throw .overload.named(isSelection ? "." : "[]", [operand, key])
        }
    }

    private static func optionalMember(
        _ key: Value, of operand: Value, isSelection: Bool
    ) throws(EvaluationError) -> Value {
        switch operand {
        case .optional(nil): return operand
        case .optional(let value?): return try optionalMember(key, of: value, isSelection: isSelection)
        case .map(let map): return .optional(Value.Key(lookingUp: key).flatMap { map[$0] })
        case .list(let list) where !isSelection:
            do throws(EvaluationError) {
                return .optional(list[try position(key, in: list)])
            } catch {
                guard error.code == .indexOutOfRange else { throw error }
                return .optional(nil)
            }
        default: throw .overload.named(isSelection ? ".?" : "[?]", [operand, key])
        }
    }

    private static func has(_ name: String, in operand: Value) throws(EvaluationError) -> Bool {
        switch operand {
        case .map(let map): return map[name] != nil
        case .optional(nil): return false
        case .optional(let value?): return try has(name, in: value)
        default: throw .overload.named("has", [operand])
        }
    }

    private static func position(_ index: Value, in list: [Value]) throws(EvaluationError) -> Int {
        guard let position = index.exactInt else {
            throw EvaluationError(.invalidArgument, "\(index.display) is not a list's index")
        }
        guard list.indices.contains(position) else {
            throw EvaluationError(.indexOutOfRange, "index \(position) is outside of a list of \(list.count)")
        }
        return position
    }

    // MARK: - Building

    private static func list(_ elements: [(Step, isOptional: Bool)], at place: SourcePosition) -> Step {
        { (frame) throws(EvaluationError) in
            var values: [Value] = []
            values.reserveCapacity(elements.count)
            try frame.spend(elements.count, at: place)
            for (element, isOptional) in elements {
                let value = try element(&frame)
                guard isOptional else {
                    values.append(value)
                    continue
                }
                guard case .optional(let content) = value else { throw .overload("[?]", [value], at: place) }
                if let content { values.append(content) }
            }
            return .list(values)
        }
    }

    private static func map(_ entries: [(key: Step, value: Step, isOptional: Bool)], at place: SourcePosition) -> Step {
        { (frame) throws(EvaluationError) in
            var found: [Value.Map.Entry] = []
            found.reserveCapacity(entries.count)
            try frame.spend(entries.count * 2, at: place)
            for entry in entries {
                let keyValue = try entry.key(&frame)
                guard let key = Value.Key(keyValue) else {
                    throw EvaluationError(
                        .noSuchOverload, "a \(keyValue.typeName.name) cannot be a map's key", position: place)
                }
                var value = try entry.value(&frame)
                if entry.isOptional {
                    guard case .optional(let content) = value else { throw .overload("{?}", [value], at: place) }
                    guard let content else { continue }
                    value = content
                }
                found.append((key, value))
            }
            let map = Value.Map(found)
            guard map.count == found.count else {
                throw EvaluationError(.duplicateKey, "this map has one key twice", position: place)
            }
            return .map(map)
        }
    }
}

extension Value {
    /// The integer that this number is exactly.
    var exactInt: Int? {
        switch self {
        case .int(let value): Int(exactly: value)
        case .uint(let value): Int(exactly: value)
        case .double(let value): Int(exactly: value)
        default: nil
        }
    }
}
