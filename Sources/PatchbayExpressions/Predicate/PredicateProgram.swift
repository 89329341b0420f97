import CPatchbayJSON
import CPatchbayRegex
import PatchbayEvents

/// A condition as a flat array of instructions that test slots in place, without allocating or counting references.
///
/// What it has no instruction for is a step, called as one.
final class PredicateProgram: @unchecked Sendable {
    // Invariant: everything is set before `init` returns and only read afterwards; the pointers are to memory that
    // this object owns.
    struct Instruction {
        enum Operation: UInt8 {
            case yes, no, fail
            case and, or, not
            case present, isTrue
            case compareInt, compareUInt, compareDouble, compareBool, compareNull, compareText
            case compareVariable
            case startsWith, endsWith, contains, matches, isOneOf
            case step
        }

        var operation: Operation
        var relation = Node.Relation.equal
        /// A slot, a variable's index, a step's index, or an error's code.
        var index: UInt32 = 0
        /// The index after this instruction and all its operands.
        var end: UInt32 = 0
        /// For `compareVariable`: the operation that would compare a slot with this constant.
        var constantOperation = Operation.no
        var number = Number(int: 0)
        /// A constant's bytes, or `count` of them for `isOneOf`.
        var text: UnsafePointer<Text>?
        /// For `contains` and `matches`: the instructions that each byte may take.
        var count: UInt32 = 0
        /// A compiled regular expression.
        var expression: OpaquePointer?
    }

    struct Text {
        let bytes: UnsafePointer<UInt8>
        let count: Int
    }

    /// Which of the three it is, the instruction says.
    struct Number {
        private let bits: UInt64
        init(int: Int64) { bits = UInt64(bitPattern: int) }
        init(uint: UInt64) { bits = uint }
        init(double: Double) { bits = double.bitPattern }
        var int: Int64 { Int64(bitPattern: bits) }
        var uint: UInt64 { bits }
        var double: Double { Double(bitPattern: bits) }
    }

    /// In order of evaluation: an instruction's operands follow it.
    let instructions: UnsafeMutablePointer<Instruction>
    let steps: [Step]
    let localsMax: Int
    private let count: Int
    private let texts: [UnsafeMutablePointer<Text>]
    private let bytes: [UnsafeMutablePointer<UInt8>]
    private let expressions: [RegularExpression]

    init(_ node: Node, localsMax: Int) {
        var builder = PredicateBuilder()
        builder.add(node)
        count = builder.instructions.count
        instructions = .allocate(capacity: count)
        instructions.initialize(from: builder.instructions, count: count)
        (steps, texts, bytes, expressions) = (builder.steps, builder.texts, builder.bytes, builder.expressions)
        self.localsMax = localsMax
    }

    deinit {
        instructions.deinitialize(count: count)
        instructions.deallocate()
        for text in texts { text.deallocate() }
        for piece in bytes { piece.deallocate() }
    }

    /// Instructions that are steps: none when everything is tested in place.
    var stepCount: Int { steps.count }
}
