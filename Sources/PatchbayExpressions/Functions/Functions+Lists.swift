import PatchbayEvents

/// The lists and sets extensions.
let listFunctions: [Function] = [
    .member("distinct") { (list, cost) throws(EvaluationError) in .list(try distinct(try list.asList(), &cost)) },
    .member("slice") { (list, start, end, cost) throws(EvaluationError) in
        let (list, start, end) = (try list.asList(), try start.asInt(), try end.asInt())
        guard start >= 0, start <= end, end <= list.count else {
            throw EvaluationError(.indexOutOfRange, "[\(start), \(end)) is not inside of a list of \(list.count)")
        }
        try cost.spend(end - start)
        return .list(Array(list[start..<end]))
    },
    .member("sort") { (list, cost) throws(EvaluationError) in
        let list = try list.asList()
        return .list(try sorted(list, by: list, &cost))
    },
    .member("flatten") { (list, cost) throws(EvaluationError) in
        var flat: [Value] = []
        try flatten(try list.asList(), depth: 1, into: &flat, &cost)
        return .list(flat)
    },
    .member("flatten") { (list, depth, cost) throws(EvaluationError) in
        let depth = try depth.asInt()
        guard depth >= 0 else { throw EvaluationError(.invalidArgument, "the depth is negative: \(depth)") }
        var flat: [Value] = []
        try flatten(try list.asList(), depth: depth, into: &flat, &cost)
        return .list(flat)
    },
    .global("lists.range") { (count, cost) throws(EvaluationError) in
        let count = try count.asInt()
        try cost.spend(max(0, count))
        return .list((0..<max(0, count)).map { .int(Int64($0)) })
    },
    .global("sets.contains") { (list, other, cost) throws(EvaluationError) in
        .bool(try isSubset(try other.asList(), of: list, &cost))
    },
    .global("sets.equivalent") { (list, other, cost) throws(EvaluationError) in
        let elements = try list.asList()
        guard try isSubset(elements, of: other, &cost) else { return .bool(false) }
        return .bool(try isSubset(try other.asList(), of: list, &cost))
    },
    .global("sets.intersects") { (list, other, cost) throws(EvaluationError) in
        guard case .list = other else { throw .overload }
        for element in try list.asList() {
            if try Operators.contains(element, in: other, &cost) { return .bool(true) }
        }
        return .bool(false)
    },
]

private func isSubset(_ list: [Value], of other: Value, _ cost: inout Cost) throws(EvaluationError) -> Bool {
    guard case .list = other else { throw .overload }
    for element in list {
        guard try Operators.contains(element, in: other, &cost) else { return false }
    }
    return true
}

/// The first of equal elements, in order.
private func distinct(_ list: [Value], _ cost: inout Cost) throws(EvaluationError) -> [Value] {
    var keys: Set<Value.Key> = []
    var others: [Value] = []
    var found: [Value] = []
    for element in list {
        try cost.spend(1)
        if let key = Value.Key(lookingUp: element) {
            if case .string(let text) = key { try cost.spend(bytes: text.utf8.count) }
            guard keys.insert(key).inserted else { continue }
        } else {
            guard try !Operators.contains(element, in: .list(others), &cost) else { continue }
            others.append(element)
        }
        found.append(element)
    }
    return found
}

private func flatten(
    _ list: [Value], depth: Int, into flat: inout [Value], _ cost: inout Cost
) throws(EvaluationError) {
    try cost.spend(1 + list.count)
    for element in list {
        if depth > 0, case .list(let inner) = element {
            try flatten(inner, depth: depth - 1, into: &flat, &cost)
        } else {
            flat.append(element)
        }
    }
}

/// `list` in ascending order of `keys`, one for each element; equal ones stay in order.
func sorted(_ list: [Value], by keys: [Value], _ cost: inout Cost) throws(EvaluationError) -> [Value] {
    var failure: EvaluationError?
    var budget = cost
    let order = list.indices.sorted { a, b in
        guard failure == nil else { return false }
        do throws(EvaluationError) {
            try budget.spend(1)
            let order = try Operators.order(keys[a], keys[b], &budget)
            guard order != .unordered else { throw EvaluationError(.invalidArgument, "NaN has no place in an order") }
            return order == .less
        } catch {
            failure = error.named("sort", [keys[a], keys[b]])
            return false
        }
    }
    cost = budget
    if let failure { throw failure }
    return order.map { list[$0] }
}
