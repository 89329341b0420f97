import PatchbayEvents

extension Node.Comprehension {
    /// The loop over a list's elements or a map's keys; with two variables, over indices or keys and their values.
    func step(at place: SourcePosition) -> Step {
        let source = range.step()
        let turn = turnStep(at: place)
        let (local, hasTwoVariables, outcome) = (local, hasTwoVariables, outcome)
        let cost = 1 + (predicate?.size ?? 0) + (transform?.size ?? 0)
        return { (frame) throws(EvaluationError) in
            let collection = try source(&frame)
            var result = Accumulator(outcome)
            switch collection {
            case .list(let elements):
                for (index, element) in elements.enumerated() where !result.isDecided {
                    try frame.spend(cost, at: place)
                    frame.locals[local] = hasTwoVariables ? .int(Int64(index)) : element
                    if hasTwoVariables { frame.locals[local + 1] = element }
                    try turn(&frame, &result)
                }
            case .map(let map):
                for (key, value) in map.entries where !result.isDecided {
                    try frame.spend(cost, at: place)
                    frame.locals[local] = key.value
                    if hasTwoVariables { frame.locals[local + 1] = value }
                    try turn(&frame, &result)
                }
            default: throw .overload("a loop", [collection], at: place)
            }
            return try result.value(&frame.cost, at: place)
        }
    }

    private typealias Turn = @Sendable (inout Frame, inout Accumulator) throws(EvaluationError) -> Void

    /// What is done for each element.
    private func turnStep(at place: SourcePosition) -> Turn {
        let predicate = self.predicate?.step()
        let transform = self.transform?.step()
        switch outcome {
        case .all, .exists:
            let decision = outcome == .exists
            return { (frame, result) throws(EvaluationError) in
                do throws(EvaluationError) {
                    let value = try predicate?(&frame) ?? .bool(true)
                    guard case .bool(let bool) = value else {
                        throw .overload("a loop's condition", [value], at: place)
                    }
                    if bool == decision { result.isDecided = true }
                } catch {
                    if error.code == .costExceeded { throw error }
                    result.failure = result.failure ?? error
                }
            }
        case .existsOne, .list, .sorted, .map, .mapEntries:
            return { [outcome, local] (frame, result) throws(EvaluationError) in
                if let predicate {
                    let value = try predicate(&frame)
                    guard case .bool(let bool) = value else {
                        throw .overload("a loop's condition", [value], at: place)
                    }
                    guard bool else { return }
                }
                result.count += 1
                switch outcome {
                case .list: result.list.append(try transform?(&frame) ?? frame.locals[local])
                case .sorted:
                    result.list.append(frame.locals[local])
                    result.keys.append(try transform?(&frame) ?? .null)
                case .map:
                    guard let key = Value.Key(frame.locals[local]) else { return }
                    result.entries.append((key, try transform?(&frame) ?? .null))
                case .mapEntries:
                    let value = try transform?(&frame) ?? .null
                    guard case .map(let map) = value else { throw .overload("transformMapEntry", [value], at: place) }
                    result.entries += map.entries
                default: break
                }
            }
        }
    }

    private struct Accumulator {
        let outcome: Outcome
        var isDecided = false
        var failure: EvaluationError?
        var count = 0
        var list: [Value] = []
        /// What `list` is sorted by, one for each.
        var keys: [Value] = []
        var entries: [Value.Map.Entry] = []

        init(_ outcome: Outcome) { self.outcome = outcome }

        func value(_ cost: inout Cost, at place: SourcePosition) throws(EvaluationError) -> Value {
            switch outcome {
            case .all, .exists:
                if isDecided { return .bool(outcome == .exists) }
                if let failure { throw failure }
                return .bool(outcome == .all)
            case .existsOne: return .bool(count == 1)
            case .list: return .list(list)
            case .sorted:
                do throws(EvaluationError) {
                    return .list(try sorted(list, by: keys, &cost))
                } catch {
                    throw error.at(place)
                }
            case .map, .mapEntries:
                let map = Value.Map(entries)
                guard map.count == entries.count else {
                    throw EvaluationError(.duplicateKey, "this map would have one key twice", position: place)
                }
                return .map(map)
            }
        }
    }
}
