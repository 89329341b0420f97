import PatchbayEvents

/// A CESQL expression as a flat array of instructions over the slots of an event; an instruction's operands follow it.
final class SQLProgram: @unchecked Sendable {
    // Invariant: everything is set before `init` returns and only read afterwards; the pointers are to memory that
    // this object owns.

    struct Instruction: BitwiseCopyable {
        enum Operation: UInt8 {
            case bool, integer, text
            case attribute, exists
            case not, negate
            case and, or, xor
            case equal, less, lessOrEqual, greater, greaterOrEqual
            case add, subtract, multiply, divide, remainder
            case like, isIn
            case call, unknownCall
        }

        var operation: Operation
        /// `NOT LIKE`, `NOT IN`, `!=`.
        var isNegated = false
        /// An integer, a slot, a function's or pattern's index.
        var number: Int32 = 0
        /// The index after this instruction and all its operands.
        var end: Int32 = 0
        var text: UnsafePointer<UInt8>?
        var textCount = 0
    }

    let instructions: UnsafeMutablePointer<Instruction>
    /// Of the source, for explanations.
    let ranges: [Range<Int>]
    let patterns: [LikePattern]
    /// The attributes that are read.
    let readsEvent: Bool
    private let texts: [UnsafeMutablePointer<UInt8>]

    init(_ syntax: SQLSyntax, plan: FieldPlan?) {
        var builder = SQLProgramBuilder(plan: plan)
        builder.add(syntax)
        instructions = .allocate(capacity: builder.instructions.count)
        instructions.initialize(from: builder.instructions, count: builder.instructions.count)
        (ranges, patterns, texts) = (builder.ranges, builder.patterns, builder.texts)
        readsEvent = builder.readsEvent
    }

    deinit {
        instructions.deallocate()
        for text in texts { text.deallocate() }
    }

    /// What the instruction gives, as far as that is known without an event.
    func type(of index: Int) -> SQLType {
        switch instructions[index].operation {
        case .integer, .negate, .add, .subtract, .multiply, .divide, .remainder: .integer
        case .text: .text
        case .attribute: .unknown
        case .call: SQLFunction.allCases[Int(instructions[index].number)].resultType
        default: .bool
        }
    }

    /// The instructions of its operands.
    func operands(of index: Int) -> [Int] {
        var operands: [Int] = []
        var next = index + 1
        while next < Int(instructions[index].end) {
            operands.append(next)
            next = Int(instructions[next].end)
        }
        return operands
    }
}

/// Turns syntax into instructions.
struct SQLProgramBuilder {
    private typealias Instruction = SQLProgram.Instruction

    /// Every event has them, so they are not looked for: only version 1.0 is taken in.
    private static let required = ["id", "source", "specversion", "type"]

    let plan: FieldPlan?
    private(set) var instructions: [SQLProgram.Instruction] = []
    private(set) var ranges: [Range<Int>] = []
    private(set) var patterns: [LikePattern] = []
    private(set) var texts: [UnsafeMutablePointer<UInt8>] = []
    private(set) var readsEvent = false

    init(plan: FieldPlan?) { self.plan = plan }

    mutating func add(_ syntax: SQLSyntax) {
        let place = instructions.count
        let (instruction, operands) = instruction(syntax)
        instructions.append(instruction)
        ranges.append(syntax.range)
        for operand in operands { add(operand) }
        instructions[place].end = Int32(instructions.count)
    }

    private mutating func instruction(_ syntax: SQLSyntax) -> (SQLProgram.Instruction, [SQLSyntax]) {
        switch syntax.kind {
        case .bool(let value): return (Instruction(operation: .bool, number: value ? 1 : 0), [])
        case .integer(let value): return (Instruction(operation: .integer, number: value), [])
        case .text(let text): return (self.text(text), [])
        case .attribute("specversion"): return (text(Array("1.0".utf8)), [])
        case .attribute(let name): return (Instruction(operation: .attribute, number: slot(name)), [])
        case .exists(let name):
            if Self.required.contains(name) { return (Instruction(operation: .bool, number: 1), []) }
            return (Instruction(operation: .exists, number: slot(name)), [])
        case .not(let operand): return (Instruction(operation: .not), [operand])
        case .negate(let operand): return (Instruction(operation: .negate), [operand])
        case .and(let operands): return (Instruction(operation: .and), operands)
        case .or(let operands): return (Instruction(operation: .or), operands)
        case .xor(let left, let right): return (Instruction(operation: .xor), [left, right])
        case .compare(let comparison, let left, let right):
            let isNegated = comparison == .notEqual
            return (Instruction(operation: Self.operation(comparison), isNegated: isNegated), [left, right])
        case .arithmetic(let arithmetic, let left, let right):
            return (Instruction(operation: Self.operation(arithmetic)), [left, right])
        case .like(let operand, let pattern, let isNegated):
            patterns.append(pattern)
            let index = Int32(patterns.count - 1)
            return (Instruction(operation: .like, isNegated: isNegated, number: index), [operand])
        case .isIn(let operand, let elements, let isNegated):
            return (Instruction(operation: .isIn, isNegated: isNegated), [operand] + elements)
        case .call(let function, let arguments):
            let index = SQLFunction.allCases.firstIndex(of: function) ?? 0
            return (Instruction(operation: .call, number: Int32(index)), arguments)
        case .unknownCall: return (Instruction(operation: .unknownCall), [])
        }
    }

    private static func operation(_ comparison: SQLComparison) -> SQLProgram.Instruction.Operation {
        switch comparison {
        case .equal, .notEqual: .equal
        case .less: .less
        case .lessOrEqual: .lessOrEqual
        case .greater: .greater
        case .greaterOrEqual: .greaterOrEqual
        }
    }

    private static func operation(_ arithmetic: SQLArithmetic) -> SQLProgram.Instruction.Operation {
        switch arithmetic {
        case .add: .add
        case .subtract: .subtract
        case .multiply: .multiply
        case .divide: .divide
        case .remainder: .remainder
        }
    }

    private mutating func text(_ text: [UInt8]) -> SQLProgram.Instruction {
        let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: max(1, text.count))
        bytes.initialize(from: text, count: text.count)
        texts.append(bytes)
        return Instruction(operation: .text, text: UnsafePointer(bytes), textCount: text.count)
    }

    /// -1 where there is no event.
    private mutating func slot(_ name: String) -> Int32 {
        readsEvent = true
        return plan.map { Int32($0.slot(of: [name])) } ?? -1
    }
}
