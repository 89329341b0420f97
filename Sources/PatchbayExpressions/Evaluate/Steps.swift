import CPatchbayJSON
import PatchbayEvents

extension Node {
    /// The closure that evaluates this node. Children are compiled once, here.
    func step() -> Step {
        let place = position
        switch kind {
        case .constant(let value): return { (_) throws(EvaluationError) in value }
        case .failure(let error): return { (_) throws(EvaluationError) in throw error.at(place) }
        case .slot(let slot, let path):
            return { (frame) throws(EvaluationError) in try frame.field(slot, path: path, at: place) }
        case .slotPresence(let slot): return { (frame) throws(EvaluationError) in .bool(frame.hasField(slot)) }
        case .slotOptional(let slot):
            return { (frame) throws(EvaluationError) in
                frame.hasField(slot) ? .optional(try frame.field(slot, path: "event", at: place)) : .optional(nil)
            }
        case .variable(let index): return { (frame) throws(EvaluationError) in frame.variables[index] }
        case .local(let index, _): return { (frame) throws(EvaluationError) in frame.locals[index] }
        case .and(let nodes): return Self.logical(nodes.map { ($0.step(), $0.position) }, decidedBy: false)
        case .or(let nodes): return Self.logical(nodes.map { ($0.step(), $0.position) }, decidedBy: true)
        case .not(let node):
            let operand = node.step()
            return { (frame) throws(EvaluationError) in
                let value = try operand(&frame)
                guard case .bool(let bool) = value else { throw .overload("!", [value], at: place) }
                return .bool(!bool)
            }
        case .conditional(let condition, let first, let second):
            return Self.conditional(condition.step(), first.step(), second.step(), at: place)
        case .compare(let relation, let left, let right):
            return Self.comparison(relation, left.step(), right.step(), at: place)
        case .call(let function, let operands): return function.step(operands.map { $0.step() }, at: place)
        case .matches(let node, let expression):
            let operand = node.step()
            let instructions = expression.instructionCount
            return { (frame) throws(EvaluationError) in
                let value = try operand(&frame)
                guard case .string(let text) = value else { throw .overload("matches", [value], at: place) }
                try frame.spend(Cost.steps(searching: text.utf8.count, instructions: instructions), at: place)
                return .bool(expression.matches(text))
            }
        case .comprehension(let loop): return loop.step(at: place)
        case .bind(let local, let bound, let body):
            let value = bound.step()
            let result = body.step()
            return { (frame) throws(EvaluationError) in
                frame.locals[local] = try value(&frame)
                return try result(&frame)
            }
        case .optionalMap(let local, let target, let body, let isFlat):
            return Self.optionalMap(local, target.step(), body.step(), isFlat: isFlat, at: place)
        case .select, .presence, .optionalSelect, .index, .optionalIndex, .list, .map: return collectionStep()
        }
    }

    /// `&&` and `||`: an operand that decides wins over one that fails, on either side of it.
    private static func logical(_ operands: [(Step, SourcePosition)], decidedBy decision: Bool) -> Step {
        let name = decision ? "||" : "&&"
        return { (frame) throws(EvaluationError) in
            var failure: EvaluationError?
            for (operand, place) in operands {
                do throws(EvaluationError) {
                    let value = try operand(&frame)
                    guard case .bool(let bool) = value else { throw .overload(name, [value], at: place) }
                    if bool == decision { return .bool(decision) }
                } catch {
                    if error.code == .costExceeded { throw error }
                    failure = failure ?? error
                }
            }
            if let failure { throw failure }
            return .bool(!decision)
        }
    }

    private static func conditional(
        _ condition: @escaping Step, _ first: @escaping Step, _ second: @escaping Step, at place: SourcePosition
    ) -> Step {
        { (frame) throws(EvaluationError) in
            let value = try condition(&frame)
            guard case .bool(let bool) = value else { throw .overload("?:", [value], at: place) }
            return bool ? try first(&frame) : try second(&frame)
        }
    }

    private static func comparison(
        _ relation: Relation, _ left: @escaping Step, _ right: @escaping Step, at place: SourcePosition
    ) -> Step {
        { (frame) throws(EvaluationError) in
            let a = try left(&frame)
            let b = try right(&frame)
            try frame.spend(1, at: place)
            do throws(EvaluationError) {
                return .bool(try Operators.compare(relation, a, b, &frame.cost))
            } catch {
                throw error.named(relation.symbol, [a, b]).at(place)
            }
        }
    }

    private static func optionalMap(
        _ local: Int, _ target: @escaping Step, _ body: @escaping Step, isFlat: Bool, at place: SourcePosition
    ) -> Step {
        let name = isFlat ? "optFlatMap" : "optMap"
        return { (frame) throws(EvaluationError) in
            let optional = try target(&frame)
            guard case .optional(let value) = optional else { throw .overload(name, [optional], at: place) }
            guard let value else { return .optional(nil) }
            frame.locals[local] = value
            let result = try body(&frame)
            guard isFlat else { return .optional(result) }
            guard case .optional = result else { throw .overload(name, [optional, result], at: place) }
            return result
        }
    }
}

extension Frame {
    func hasField(_ slot: Int) -> Bool { fields.map { $0[slot].kind != PBJ_ABSENT.rawValue } ?? false }

    mutating func field(_ slot: Int, path: String, at place: SourcePosition) throws(EvaluationError) -> Value {
        guard let fields, fields[slot].kind != PBJ_ABSENT.rawValue else {
            throw EvaluationError(.noSuchKey, "there is no \(path)", position: place)
        }
        return try value(of: fields[slot], at: place)
    }
}

extension Function {
    func step(_ operands: [Step], at place: SourcePosition) -> Step {
        let function = self
        switch body {
        case .constant(let value): return { (_) throws(EvaluationError) in value }
        case .unary(let body):
            let first = operands[0]
            return { (frame) throws(EvaluationError) in
                let a = try first(&frame)
                try frame.spend(1, at: place)
                do throws(EvaluationError) {
                    return try body(a, &frame.cost)
                } catch {
                    throw error.named(function.name, [a]).at(place)
                }
            }
        case .binary(let body):
            let (first, second) = (operands[0], operands[1])
            return { (frame) throws(EvaluationError) in
                let a = try first(&frame)
                let b = try second(&frame)
                try frame.spend(1, at: place)
                do throws(EvaluationError) {
                    return try body(a, b, &frame.cost)
                } catch {
                    throw error.named(function.name, [a, b]).at(place)
                }
            }
        case .ternary(let body):
            return Self.all(operands, of: function, at: place) { (values, cost) throws(EvaluationError) in
                try body(values[0], values[1], values[2], &cost)
            }
        case .variadic(let body): return Self.all(operands, of: function, at: place, body)
        }
    }

    private static func all(
        _ operands: [Step], of function: Function, at place: SourcePosition, _ body: @escaping Variadic
    ) -> Step {
        { (frame) throws(EvaluationError) in
            var values: [Value] = []
            values.reserveCapacity(operands.count)
            for operand in operands { values.append(try operand(&frame)) }
            try frame.spend(1, at: place)
            do throws(EvaluationError) {
                return try body(values, &frame.cost)
            } catch {
                throw error.named(function.name, values).at(place)
            }
        }
    }
}

extension Node.Relation {
    var symbol: String {
        switch self {
        case .equal: "=="
        case .notEqual: "!="
        case .less: "<"
        case .lessOrEqual: "<="
        case .greater: ">"
        case .greaterOrEqual: ">="
        }
    }
}

extension EvaluationError {
    static func overload(_ name: String, _ operands: [Value], at place: SourcePosition) -> EvaluationError {
        overload.named(name, operands).at(place)
    }

    /// Completes an `overload` with what was called.
    func named(_ name: String, _ operands: [Value]) -> EvaluationError {
        guard message.isEmpty else { return self }
        let types = operands.map(\.typeName.name).joined(separator: ", ")
        return EvaluationError(code, "`\(name)` does not take (\(types))", position: position)
    }
}
