/// A part of a CESQL expression, as written.
struct SQLSyntax {
    indirect enum Kind {
        case bool(Bool)
        case integer(Int32)
        case text([UInt8])
        /// A context attribute, in small letters.
        case attribute(String)
        case exists(String)
        case not(SQLSyntax)
        case negate(SQLSyntax)
        /// Two or more; evaluated until one decides.
        case and([SQLSyntax])
        case or([SQLSyntax])
        case xor(SQLSyntax, SQLSyntax)
        case compare(SQLComparison, SQLSyntax, SQLSyntax)
        case arithmetic(SQLArithmetic, SQLSyntax, SQLSyntax)
        case like(SQLSyntax, LikePattern, isNegated: Bool)
        case isIn(SQLSyntax, [SQLSyntax], isNegated: Bool)
        case call(SQLFunction, [SQLSyntax])
        /// A function that there is not, where that is no mistake yet.
        case unknownCall
    }

    let kind: Kind
    /// In bytes of the source.
    let range: Range<Int>
    /// Levels below it, itself included.
    let height: Int

    init(_ kind: Kind, _ range: Range<Int>, height: Int) {
        self.kind = kind
        self.range = range
        self.height = height
    }
}

enum SQLComparison: String {
    case equal = "="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
}

enum SQLArithmetic: String {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case remainder = "%"
}

/// What a part of an expression gives.
enum SQLType: UInt8 {
    case bool, integer, text
    /// An attribute: known only when evaluating.
    case unknown

    var name: String {
        switch self {
        case .bool: "true or false"
        case .integer: "an integer"
        case .text: "a text"
        case .unknown: "unknown"
        }
    }
}
