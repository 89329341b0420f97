package import PatchbayEvents

extension SQLExpression {
    /// The smallest part that decided for this event, and what it read. Slow: for people, not for the event path.
    package func explain(_ fields: FieldSlots) -> Explanation {
        let deciding = deciding(0, fields)
        var operands: [Explanation.Operand] = []
        for place in program.operands(of: deciding).flatMap(reads) {
            let operand = Explanation.Operand(expression: text(place), value: shown(place, fields))
            if !operands.contains(operand) { operands.append(operand) }
        }
        return Explanation(
            match: matches(fields), expression: text(deciding), position: position(deciding),
            outcome: outcome(deciding, fields), operands: operands)
    }

    private func deciding(_ index: Int, _ fields: FieldSlots) -> Int {
        let operation = program.instructions[index].operation
        let operands = program.operands(of: index)
        switch operation {
        case .not: return deciding(operands[0], fields)
        case .and, .or:
            // The one that ended the evaluation; all together when none did.
            for operand in operands {
                let result = evaluate(operand, fields)
                if result.error != nil || result.value == .bool(operation == .or) { return deciding(operand, fields) }
            }
            return index
        default: return index
        }
    }

    private func outcome(_ index: Int, _ fields: FieldSlots) -> String {
        let result = evaluate(index, fields)
        return result.error.map { "an error (\($0.message))" } ?? result.value.display
    }

    /// The attributes below an instruction.
    private func reads(_ index: Int) -> [Int] {
        switch program.instructions[index].operation {
        case .attribute: [index]
        default: program.operands(of: index).flatMap(reads)
        }
    }

    private func shown(_ index: Int, _ fields: FieldSlots) -> String {
        let result = evaluate(index, fields)
        return result.error == nil ? result.value.display : "absent"
    }
}
