import PatchbayEvents

/// Turns a condition into instructions.
struct PredicateBuilder {
    private typealias Instruction = PredicateProgram.Instruction

    var instructions: [PredicateProgram.Instruction] = []
    var steps: [Step] = []
    var texts: [UnsafeMutablePointer<PredicateProgram.Text>] = []
    var bytes: [UnsafeMutablePointer<UInt8>] = []
    var expressions: [RegularExpression] = []

    /// Larger lists are rather a step with a loop than a row of comparisons.
    private static let expandedMax = 16

    mutating func add(_ node: Node) {
        switch node.kind {
        case .constant(.bool(let value)): append(Instruction(operation: value ? .yes : .no))
        case .constant: append(Instruction(operation: .fail, index: code(.noSuchOverload)))
        case .failure(let error): append(Instruction(operation: .fail, index: code(error.code)))
        case .and(let operands): group(.and, operands)
        case .or(let operands): group(.or, operands)
        case .not(let operand): group(.not, [operand])
        case .slotPresence(let slot): append(Instruction(operation: .present, index: UInt32(slot)))
        case .slot(let slot, _): append(Instruction(operation: .isTrue, index: UInt32(slot)))
        case .compare(let relation, let left, let right):
            if let value = right.constant, compare(relation, left, value) { return }
            if let value = left.constant, compare(relation.flipped, right, value) { return }
            step(node)
        case .matches(let operand, let expression):
            guard case .slot(let slot, _) = operand.kind else { return step(node) }
            expressions.append(expression)
            append(
                Instruction(
                    operation: .matches, index: UInt32(slot), count: UInt32(expression.instructionCount),
                    expression: expression.handle))
        case .call(let function, let operands): call(function, operands, node)
        default: step(node)
        }
    }

    private func code(_ code: EvaluationError.Code) -> UInt32 { UInt32(code.rawValue) }

    private mutating func append(_ instruction: PredicateProgram.Instruction) {
        var instruction = instruction
        instruction.end = UInt32(instructions.count + 1)
        instructions.append(instruction)
    }

    private mutating func step(_ node: Node) {
        steps.append(node.step())
        append(Instruction(operation: .step, index: UInt32(steps.count - 1)))
    }

    private mutating func group(_ operation: PredicateProgram.Instruction.Operation, _ operands: [Node]) {
        let start = instructions.count
        append(Instruction(operation: operation))
        for operand in operands { add(operand) }
        instructions[start].end = UInt32(instructions.count)
    }

    /// Whether `operand` is what an instruction can compare with a constant.
    private mutating func compare(_ relation: Node.Relation, _ operand: Node, _ value: Value) -> Bool {
        switch operand.kind {
        case .slot(let slot, _):
            guard let instruction = comparison(relation, slot: UInt32(slot), value) else { return false }
            append(instruction)
            return true
        case .variable(let index):
            guard var instruction = comparison(relation, slot: UInt32(index), value), instruction.isNumeric else {
                return false
            }
            instruction.constantOperation = instruction.operation
            instruction.operation = .compareVariable
            append(instruction)
            return true
        default: return false
        }
    }

    private mutating func comparison(
        _ relation: Node.Relation, slot: UInt32, _ value: Value
    ) -> PredicateProgram.Instruction? {
        let isEquality = relation == .equal || relation == .notEqual
        var instruction = Instruction(operation: .compareNull, relation: relation, index: slot)
        switch value {
        case .null where isEquality: break
        case .bool(let value) where isEquality:
            instruction.operation = .compareBool
            instruction.number = .init(int: value ? 1 : 0)
        case .int(let value):
            instruction.operation = .compareInt
            instruction.number = .init(int: value)
        case .uint(let value):
            instruction.operation = .compareUInt
            instruction.number = .init(uint: value)
        case .double(let value):
            instruction.operation = .compareDouble
            instruction.number = .init(double: value)
        case .string(let value):
            instruction.operation = .compareText
            instruction.text = keep([value])
        default: return nil
        }
        return instruction
    }

    private mutating func call(_ function: Function, _ operands: [Node], _ node: Node) {
        guard operands.count == 2, case .slot(let slot, _) = operands[0].kind, let constant = operands[1].constant
        else {
            return step(node)
        }
        switch (function.name, constant) {
        case ("startsWith", .string(let text)): test(.startsWith, slot, [text])
        case ("endsWith", .string(let text)): test(.endsWith, slot, [text])
        case ("contains", .string(let text)): test(.contains, slot, [text])
        case ("in", .list(let values)):
            let strings = values.compactMap { value in if case .string(let text) = value { text } else { nil } }
            if strings.count == values.count, !strings.isEmpty { return test(.isOneOf, slot, strings) }
            let instructions = values.map { comparison(.equal, slot: UInt32(slot), $0) }
            guard values.count <= Self.expandedMax, !values.isEmpty, instructions.allSatisfy({ $0 != nil }) else {
                return step(node)
            }
            let start = self.instructions.count
            append(Instruction(operation: .or))
            for instruction in instructions { if let instruction { append(instruction) } }
            self.instructions[start].end = UInt32(self.instructions.count)
        default: step(node)
        }
    }

    private mutating func test(_ operation: PredicateProgram.Instruction.Operation, _ slot: Int, _ texts: [String]) {
        let kept = keep(texts)
        append(Instruction(operation: operation, index: UInt32(slot), text: kept, count: UInt32(texts.count)))
    }

    private mutating func keep(_ strings: [String]) -> UnsafePointer<PredicateProgram.Text> {
        let kept = UnsafeMutablePointer<PredicateProgram.Text>.allocate(capacity: strings.count)
        for (index, string) in strings.enumerated() {
            let content = Array(string.utf8)
            let piece = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, content.count))
            piece.initialize(from: content, count: content.count)
            bytes.append(piece)
            (kept + index).initialize(to: PredicateProgram.Text(bytes: UnsafePointer(piece), count: content.count))
        }
        texts.append(kept)
        return UnsafePointer(kept)
    }
}

extension PredicateProgram.Instruction {
    fileprivate var isNumeric: Bool {
        operation == .compareInt || operation == .compareUInt || operation == .compareDouble
    }
}
