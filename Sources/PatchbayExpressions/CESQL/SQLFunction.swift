/// The functions that CESQL comes with.
///
/// - Source: CloudEvents SQL 1.0, section 3.5; the casts by name are in its conformance cases.
enum SQLFunction: String, CaseIterable, Sendable {
    case length = "LENGTH"
    case concat = "CONCAT"
    case concatWith = "CONCAT_WS"
    case lower = "LOWER"
    case upper = "UPPER"
    case trim = "TRIM"
    case left = "LEFT"
    case right = "RIGHT"
    case substring = "SUBSTRING"
    case absolute = "ABS"
    case integer = "INT"
    case bool = "BOOL"
    case text = "STRING"

    static let names = allCases.map(\.rawValue)

    /// The function of this name, in capitals, that takes so many arguments.
    static func named(_ name: String, count: Int) -> SQLFunction? {
        guard let function = SQLFunction(rawValue: name), function.counts.contains(count) else { return nil }
        return function
    }

    /// How the function of this name, in capitals, is called; empty when there is none.
    static func forms(of name: String) -> [String] {
        switch SQLFunction(rawValue: name) {
        case nil: []
        case .concat: ["CONCAT(text, …)"]
        case .concatWith: ["CONCAT_WS(delimiter, text, …)"]
        case .left, .right: ["\(name)(text, count)"]
        case .substring: ["SUBSTRING(text, position)", "SUBSTRING(text, position, count)"]
        case .length, .lower, .upper, .trim: ["\(name)(text)"]
        case .absolute: ["ABS(integer)"]
        case .integer, .bool, .text: ["\(name)(value)"]
        }
    }

    /// How many arguments it may have.
    private var counts: ClosedRange<Int> {
        switch self {
        case .length, .lower, .upper, .trim, .absolute, .integer, .bool, .text: 1...1
        case .left, .right: 2...2
        case .substring: 2...3
        case .concat: 0...Int.max
        case .concatWith: 1...Int.max
        }
    }

    var resultType: SQLType {
        switch self {
        case .length, .absolute, .integer: .integer
        case .bool: .bool
        default: .text
        }
    }

    /// What its argument at `index` is cast to.
    func argumentType(_ index: Int) -> SQLType {
        switch self {
        case .absolute, .integer: .integer
        case .bool: .bool
        case .left, .right, .substring: index == 0 ? .text : .integer
        default: .text
        }
    }
}
