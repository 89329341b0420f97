import CPatchbayJSON
import CPatchbayRegex
import PatchbayEvents

#if canImport(Glibc)
    import Glibc
#endif

/// An instruction's outcome: 0 is no, 1 is yes, more is an error's code.
typealias Verdict = UInt8

extension PredicateProgram {
    func matches(_ fields: UnsafePointer<pbj_field>?, _ variables: [Value], costMax: Int) -> Match {
        var cost = Cost(costMax)
        let verdict = run(0, fields, variables, &cost)
        switch verdict {
        case 0: return .no
        case 1: return .yes
        default: return .error(EvaluationError.Code(rawValue: verdict) ?? .invalidArgument)
        }
    }

    private func run(
        _ at: Int, _ fields: UnsafePointer<pbj_field>?, _ variables: [Value], _ cost: inout Cost
    ) -> Verdict {
        let instruction = instructions + at
        switch instruction.pointee.operation {
        case .yes: return 1
        case .no: return 0
        case .fail: return Verdict(instruction.pointee.index)
        case .and: return group(at, decidedBy: 0, fields, variables, &cost)
        case .or: return group(at, decidedBy: 1, fields, variables, &cost)
        case .not:
            let verdict = run(at + 1, fields, variables, &cost)
            return verdict > 1 ? verdict : 1 - verdict
        case .compareVariable: return Self.compare(instruction, variables[Int(instruction.pointee.index)])
        case .step: return call(Int(instruction.pointee.index), fields, variables, &cost)
        case .contains, .matches:
            guard let fields else { return EvaluationError.Code.noSuchKey.rawValue }
            let field = fields + Int(instruction.pointee.index)
            // The only tests that read all of a text, however long it is.
            if field.pointee.kind == PBJ_STRING.rawValue {
                let steps = Cost.steps(
                    searching: Int(field.pointee.length), instructions: Int(instruction.pointee.count))
                guard cost.take(steps) else { return EvaluationError.Code.costExceeded.rawValue }
            }
            return Self.test(instruction, field)
        default:
            guard let fields else { return EvaluationError.Code.noSuchKey.rawValue }
            return Self.test(instruction, fields + Int(instruction.pointee.index))
        }
    }

    /// `&&` is decided by 0 and `||` by 1, also after an operand that failed.
    private func group(
        _ at: Int, decidedBy decision: Verdict, _ fields: UnsafePointer<pbj_field>?, _ variables: [Value],
        _ cost: inout Cost
    ) -> Verdict {
        let end = Int(instructions[at].end)
        var next = at + 1
        var failure: Verdict = 0
        while next < end {
            let verdict = run(next, fields, variables, &cost)
            if verdict == decision { return decision }
            if verdict > 1 {
                if verdict == EvaluationError.Code.costExceeded.rawValue { return verdict }
                if failure == 0 { failure = verdict }
            }
            next = Int(instructions[next].end)
        }
        return failure != 0 ? failure : 1 - decision
    }

    @inline(never)
    private func call(
        _ index: Int, _ fields: UnsafePointer<pbj_field>?, _ variables: [Value], _ cost: inout Cost
    ) -> Verdict {
        let locals = localsMax == 0 ? [] : [Value](repeating: .null, count: localsMax)
        var frame = Frame(fields: fields, variables: variables, locals: locals, cost: cost)
        defer { cost = frame.cost }
        do throws(EvaluationError) {
            guard case .bool(let value) = try steps[index](&frame) else {
                return EvaluationError.Code.noSuchOverload.rawValue
            }
            return value ? 1 : 0
        } catch {
            return error.code.rawValue
        }
    }

    // MARK: - Tests

    @inline(__always)
    private static func test(_ instruction: UnsafePointer<Instruction>, _ field: UnsafePointer<pbj_field>) -> Verdict {
        let kind = field.pointee.kind
        let operation = instruction.pointee.operation
        if operation == .present { return kind == PBJ_ABSENT.rawValue ? 0 : 1 }
        if kind == PBJ_ABSENT.rawValue { return EvaluationError.Code.noSuchKey.rawValue }
        let overload = EvaluationError.Code.noSuchOverload.rawValue
        switch operation {
        case .compareText: return compareText(instruction, field)
        case .compareInt, .compareUInt, .compareDouble:
            let constant = instruction.pointee.number
            let order: Value.NumericOrder
            switch kind {
            case PBJ_INT.rawValue: order = compare(field.pointee.i, operation, constant)
            case PBJ_UINT.rawValue: order = compare(field.pointee.u, operation, constant)
            case PBJ_DOUBLE.rawValue: order = compare(field.pointee.d, operation, constant)
            default: return unequal(instruction.pointee.relation)
            }
            return instruction.pointee.relation.holds(order) ? 1 : 0
        case .compareBool:
            let isEqual = kind == PBJ_BOOL.rawValue && field.pointee.i == instruction.pointee.number.int
            return isEqual == (instruction.pointee.relation == .equal) ? 1 : 0
        case .compareNull:
            return (kind == PBJ_NULL.rawValue) == (instruction.pointee.relation == .equal) ? 1 : 0
        case .isTrue: return kind == PBJ_BOOL.rawValue ? Verdict(field.pointee.i) : overload
        case .isOneOf: return kind == PBJ_STRING.rawValue && isOneOf(instruction, field) ? 1 : 0
        case .startsWith, .endsWith, .contains, .matches:
            return kind == PBJ_STRING.rawValue ? (search(instruction, field) ? 1 : 0) : overload
        default: return overload
        }
    }

    /// The outcome for two types that are never equal and have no order.
    @inline(__always)
    private static func unequal(_ relation: Node.Relation) -> Verdict {
        switch relation {
        case .equal: 0
        case .notEqual: 1
        default: EvaluationError.Code.noSuchOverload.rawValue
        }
    }

    @inline(__always)
    private static func compareText(
        _ instruction: UnsafePointer<Instruction>, _ field: UnsafePointer<pbj_field>
    ) -> Verdict {
        let relation = instruction.pointee.relation
        guard field.pointee.kind == PBJ_STRING.rawValue, let text = instruction.pointee.text else {
            return unequal(relation)
        }
        let length = Int(field.pointee.length)
        if relation == .equal || relation == .notEqual {
            let isEqual =
                length == text.pointee.count
                && (length == 0 || memcmp(field.pointee.ptr, text.pointee.bytes, length) == 0)
            return isEqual == (relation == .equal) ? 1 : 0
        }
        let shared = min(length, text.pointee.count)
        let difference = shared == 0 ? 0 : Int(memcmp(field.pointee.ptr, text.pointee.bytes, shared))
        let sign = difference != 0 ? difference : length - text.pointee.count
        return relation.holds(sign < 0 ? .less : sign > 0 ? .greater : .equal) ? 1 : 0
    }

    /// The operation says which type the constant has.
    @inline(__always)
    private static func compare(
        _ number: Int64, _ operation: Instruction.Operation, _ constant: Number
    ) -> Value.NumericOrder {
        switch operation {
        case .compareInt: order(number, constant.int)
        case .compareUInt: number < 0 ? .less : order(UInt64(number), constant.uint)
        default: Value.order(number, constant.double)
        }
    }

    private static func compare(
        _ number: UInt64, _ operation: Instruction.Operation, _ constant: Number
    ) -> Value.NumericOrder {
        switch operation {
        case .compareInt: constant.int < 0 ? .greater : order(number, UInt64(constant.int))
        case .compareUInt: order(number, constant.uint)
        default: Value.order(number, constant.double)
        }
    }

    @inline(__always)
    private static func compare(
        _ number: Double, _ operation: Instruction.Operation, _ constant: Number
    ) -> Value.NumericOrder {
        switch operation {
        case .compareInt: return Value.order(constant.int, number).flipped
        case .compareUInt: return Value.order(constant.uint, number).flipped
        default:
            let other = constant.double
            return number < other ? .less : number > other ? .greater : number == other ? .equal : .unordered
        }
    }

    @inline(__always)
    private static func order<T: FixedWidthInteger>(_ a: T, _ b: T) -> Value.NumericOrder {
        a < b ? .less : a == b ? .equal : .greater
    }

    private static func compare(_ instruction: UnsafePointer<Instruction>, _ value: Value) -> Verdict {
        let operation = instruction.pointee.constantOperation
        let constant = instruction.pointee.number
        let order: Value.NumericOrder
        switch value {
        case .int(let number): order = compare(number, operation, constant)
        case .uint(let number): order = compare(number, operation, constant)
        case .double(let number): order = compare(number, operation, constant)
        default: return unequal(instruction.pointee.relation)
        }
        return instruction.pointee.relation.holds(order) ? 1 : 0
    }

    private static func isOneOf(
        _ instruction: UnsafePointer<Instruction>, _ field: UnsafePointer<pbj_field>
    ) -> Bool {
        guard let texts = instruction.pointee.text else { return false }
        let length = Int(field.pointee.length)
        for index in 0..<Int(instruction.pointee.count) where texts[index].count == length {
            if length == 0 || memcmp(field.pointee.ptr, texts[index].bytes, length) == 0 { return true }
        }
        return false
    }

    private static func search(
        _ instruction: UnsafePointer<Instruction>, _ field: UnsafePointer<pbj_field>
    ) -> Bool {
        let length = Int(field.pointee.length)
        if instruction.pointee.operation == .matches {
            return pbr_search(instruction.pointee.expression, field.pointee.ptr, UInt64(length)) != 0
        }
        guard let text = instruction.pointee.text, let bytes = field.pointee.ptr else { return false }
        let count = text.pointee.count
        guard count <= length else { return false }
        if count == 0 { return true }
        switch instruction.pointee.operation {
        case .startsWith: return memcmp(bytes, text.pointee.bytes, count) == 0
        case .endsWith: return memcmp(bytes + length - count, text.pointee.bytes, count) == 0
        default:
            return text.pointee.bytes.withMemoryRebound(to: CChar.self, capacity: count) {
                pbr_contains(bytes, UInt64(length), $0, UInt64(count)) != 0
            }
        }
    }
}
