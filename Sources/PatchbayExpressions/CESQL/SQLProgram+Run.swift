import CPatchbayJSON
import Glibc

/// Evaluation. The first fault ends it, and every part around the fault is the zero value of its type, as section 4.1
/// of the specification has it for filters.
extension SQLProgram {
    /// The value of the instruction at `index`; the frame tells whether it is one.
    func run(_ index: Int, _ frame: inout SQLFrame) -> SQLValue {
        let instruction = instructions[index]
        switch instruction.operation {
        case .bool: return .bool(instruction.number != 0)
        case .integer: return .integer(instruction.number)
        case .text: return .text(instruction.text, instruction.textCount)
        case .attribute: return attribute(instruction.number, index, &frame)
        case .exists:
            let field = frame.fields?[Int(instruction.number)]
            return .bool(field.map { $0.kind > PBJ_NULL.rawValue } ?? false)
        case .not:
            let operand = operand(index + 1, as: .bool, of: index, &frame)
            return .bool(frame.fault == nil && !operand.isTrue)
        case .negate:
            let operand = operand(index + 1, as: .integer, of: index, &frame)
            return integer(Int32(0).subtractingReportingOverflow(operand.number), index, &frame)
        case .and, .or: return logic(instruction, index, &frame)
        case .xor, .less, .lessOrEqual, .greater, .greaterOrEqual, .add, .subtract, .multiply, .divide, .remainder:
            return binary(instruction.operation, index, &frame)
        case .equal: return equal(instruction, index, &frame)
        case .like: return like(instruction, index, &frame)
        case .isIn: return membership(instruction, index, &frame)
        case .call: return call(SQLFunction.allCases[Int(instruction.number)], index, &frame)
        case .unknownCall:
            frame.fail(.missingFunction, at: index)
            return .bool(false)
        }
    }

    /// The value of an operand, cast to what `index` needs.
    func operand(_ place: Int, as type: SQLType, of index: Int, _ frame: inout SQLFrame) -> SQLValue {
        let value = run(place, &frame)
        return frame.fault == nil ? frame.cast(value, to: type, at: place) : .zero(type)
    }

    private func attribute(_ slot: Int32, _ index: Int, _ frame: inout SQLFrame) -> SQLValue {
        guard slot >= 0, let field = frame.fields?[Int(slot)], field.kind > PBJ_NULL.rawValue else {
            frame.fail(.missingAttribute, at: index)
            return .bool(false)
        }
        switch field.kind {
        case PBJ_BOOL.rawValue: return .bool(field.i != 0)
        case PBJ_INT.rawValue:
            // What is no integer of the language is a text.
            return Int32(exactly: field.i).map { .integer($0) } ?? frame.keep(String(field.i).utf8, at: index)
        case PBJ_STRING.rawValue:
            return .text(
                UnsafeRawPointer(field.ptr)?.assumingMemoryBound(to: UInt8.self), Int(field.length))
        default:
            frame.fail(.missingAttribute, at: index)
            return .bool(false)
        }
    }

    private func logic(_ instruction: Instruction, _ index: Int, _ frame: inout SQLFrame) -> SQLValue {
        let decisive = instruction.operation == .or
        var place = index + 1
        while place < Int(instruction.end) {
            let value = operand(place, as: .bool, of: index, &frame)
            if frame.fault != nil { return .bool(false) }
            if value.isTrue == decisive { return .bool(decisive) }
            place = Int(instructions[place].end)
        }
        return .bool(!decisive)
    }

    private func binary(_ operation: Instruction.Operation, _ index: Int, _ frame: inout SQLFrame) -> SQLValue {
        let type: SQLType = operation == .xor ? .bool : .integer
        let left = operand(index + 1, as: type, of: index, &frame).number
        if frame.fault != nil { return .zero(self.type(of: index)) }
        let right = operand(Int(instructions[index + 1].end), as: type, of: index, &frame).number
        if frame.fault != nil { return .zero(self.type(of: index)) }
        switch operation {
        case .xor: return .bool(left != right)
        case .less: return .bool(left < right)
        case .lessOrEqual: return .bool(left <= right)
        case .greater: return .bool(left > right)
        case .greaterOrEqual: return .bool(left >= right)
        case .add: return integer(left.addingReportingOverflow(right), index, &frame)
        case .subtract: return integer(left.subtractingReportingOverflow(right), index, &frame)
        case .multiply: return integer(left.multipliedReportingOverflow(by: right), index, &frame)
        default:
            guard right != 0 else {
                frame.fail(.divideByZero, at: index)
                return .integer(0)
            }
            // Only the quotient of the least number by -1 does not fit; its remainder is 0.
            if operation == .divide { return integer(left.dividedReportingOverflow(by: right), index, &frame) }
            return .integer(left.remainderReportingOverflow(dividingBy: right).partialValue)
        }
    }

    private func integer(
        _ result: (partialValue: Int32, overflow: Bool), _ index: Int, _ frame: inout SQLFrame
    ) -> SQLValue {
        if result.overflow { frame.fail(.overflow, at: index) }
        return .integer(frame.fault == nil ? result.partialValue : 0)
    }

    /// The right operand's type decides what the left one is cast to.
    private func equal(_ instruction: Instruction, _ index: Int, _ frame: inout SQLFrame) -> SQLValue {
        let left = run(index + 1, &frame)
        if frame.fault != nil { return .bool(false) }
        let right = run(Int(instructions[index + 1].end), &frame)
        if frame.fault != nil { return .bool(false) }
        let cast = frame.cast(left, to: right.type, at: index + 1)
        let isSame = isSame(cast, right, index, &frame)
        return .bool(frame.fault == nil && isSame != instruction.isNegated)
    }

    /// The left operand's type decides what the others are cast to.
    private func membership(_ instruction: Instruction, _ index: Int, _ frame: inout SQLFrame) -> SQLValue {
        let wanted = run(index + 1, &frame)
        var place = Int(instructions[index + 1].end)
        while frame.fault == nil, place < Int(instruction.end) {
            let element = operand(place, as: wanted.type, of: index, &frame)
            if frame.fault == nil, isSame(wanted, element, index, &frame) { return .bool(!instruction.isNegated) }
            place = Int(instructions[place].end)
        }
        return .bool(frame.fault == nil && instruction.isNegated)
    }

    /// Whether two values of one type are equal.
    private func isSame(_ left: SQLValue, _ right: SQLValue, _ index: Int, _ frame: inout SQLFrame) -> Bool {
        guard left.type == .text else { return left.number == right.number }
        let count = left.count
        guard count == right.count, frame.spend(bytes: count, at: index) else { return false }
        return frame.withBytes(of: left) { left in
            frame.withBytes(of: right) { right in
                guard let left = left.baseAddress, let right = right.baseAddress else { return true }
                return memcmp(left, right, count) == 0
            }
        }
    }

    private func like(_ instruction: Instruction, _ index: Int, _ frame: inout SQLFrame) -> SQLValue {
        let text = operand(index + 1, as: .text, of: index, &frame)
        guard frame.fault == nil, frame.spend(bytes: text.count, at: index) else { return .bool(false) }
        let matches = frame.withBytes(of: text) { patterns[Int(instruction.number)].matches($0) }
        return .bool(matches != instruction.isNegated)
    }
}
