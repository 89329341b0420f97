import PatchbayEvents

/// The types of JSON Schema; an integer is a number too.
struct JSONTypes: OptionSet, Sendable, Hashable {
    let rawValue: Int

    static let null = JSONTypes(rawValue: 1)
    static let boolean = JSONTypes(rawValue: 2)
    static let integer = JSONTypes(rawValue: 4)
    /// Numbers with a fraction.
    private static let fraction = JSONTypes(rawValue: 8)
    static let number: JSONTypes = [.integer, .fraction]
    static let string = JSONTypes(rawValue: 16)
    static let array = JSONTypes(rawValue: 32)
    static let object = JSONTypes(rawValue: 64)

    private static let names: [(name: String, type: JSONTypes)] = [
        ("null", .null), ("boolean", .boolean), ("number", .number), ("integer", .integer), ("string", .string),
        ("array", .array), ("object", .object),
    ]

    static var allNames: String { names.map { "\"\($0.name)\"" }.joined(separator: ", ") }

    init(rawValue: Int) {
        self.rawValue = rawValue
    }

    init?(name: String) {
        guard let known = Self.names.first(where: { $0.name == name }) else { return nil }
        self = known.type
    }

    /// Every type that the value has: an integer has `number` and `integer`. Values that JSON lacks have none.
    init(of value: Value) {
        switch value {
        case .null: self = .null
        case .bool: self = .boolean
        case .int, .uint: self = .number
        // 1.0 is an integer (Core, 4.2.3); what is none has the fraction alone.
        case .double(let number): self = number.rounded(.towardZero) == number && number.isFinite ? .number : .fraction
        case .string: self = .string
        case .list: self = .array
        case .map: self = .object
        default: self = []
        }
    }

    /// Whether a value with these types is acceptable where `accepted` are.
    func isAccepted(by accepted: JSONTypes) -> Bool {
        if contains(.integer) { return accepted.contains(.integer) }
        if self == .fraction { return accepted.contains(.fraction) }
        return !isEmpty && accepted.isSuperset(of: self)
    }

    var isNumber: Bool { contains(.fraction) }

    /// `integer or string`.
    var words: String {
        var names: [String] = []
        for (name, type) in Self.names where isSuperset(of: type) {
            if name == "integer", contains(.number) { continue }
            names.append(name)
        }
        return names.count < 2
            ? names.joined() : names.dropLast().joined(separator: ", ") + " or " + names[names.count - 1]
    }
}
