import PatchbayEvents

#if canImport(Glibc)
    import Glibc
#endif

/// `format` of the strings extension: `%s %d %f %e %b %o %x %X %%`, with a precision for `%f` and `%e`.
struct Formatter {
    let format: [UInt8]
    let arguments: [Value]
    private var used = 0

    private static let precisionMax = 100

    init(format: [UInt8], arguments: [Value]) {
        self.format = format
        self.arguments = arguments
    }

    mutating func formatted(_ cost: inout Cost) throws(EvaluationError) -> String {
        try cost.spend(bytes: format.count)
        var result: [UInt8] = []
        var position = 0
        while position < format.count {
            let byte = format[position]
            position += 1
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            if position < format.count, format[position] == UInt8(ascii: "%") {
                result.append(byte)
                position += 1
                continue
            }
            let precision = try precision(&position)
            guard position < format.count else { throw invalid("the format ends after %") }
            let clause = Character(UnicodeScalar(format[position]))
            position += 1
            guard used < arguments.count else { throw invalid("the format needs more than \(used) arguments") }
            let text = try text(clause, arguments[used], precision, &cost)
            try cost.spend(bytes: text.utf8.count)
            result += text.utf8
            used += 1
        }
        return String(decoding: result, as: UTF8.self)
    }

    private func invalid(_ message: String) -> EvaluationError { EvaluationError(.invalidArgument, message) }

    private func precision(_ position: inout Int) throws(EvaluationError) -> Int? {
        guard position < format.count, format[position] == UInt8(ascii: ".") else { return nil }
        position += 1
        let start = position
        while position < format.count, (48...57).contains(format[position]) { position += 1 }
        guard let number = Int(String(decoding: format[start..<position], as: UTF8.self)), number <= Self.precisionMax
        else { throw invalid("a precision is a number up to \(Self.precisionMax)") }
        return number
    }

    private func text(
        _ clause: Character, _ value: Value, _ precision: Int?, _ cost: inout Cost
    ) throws(EvaluationError) -> String {
        switch clause {
        case "s": return try Self.text(value, &cost)
        case "d":
            if case .double(let number) = value, !number.isFinite { return number.celText }
            return try integer(value, radix: 10, clause)
        case "b":
            if case .bool(let bool) = value { return bool ? "1" : "0" }
            return try integer(value, radix: 2, clause)
        case "o": return try integer(value, radix: 8, clause)
        case "x", "X":
            let isUpper = clause == "X"
            switch value {
            case .string(let text): return Self.hex(text.utf8, isUpper: isUpper)
            case .bytes(let bytes): return Self.hex(bytes, isUpper: isUpper)
            default:
                let digits = try integer(value, radix: 16, clause)
                return isUpper ? digits.uppercased() : digits
            }
        case "f", "e":
            let number: Double
            switch value {
            case .double(let value): number = value
            case .int(let value): number = Double(value)
            case .uint(let value): number = Double(value)
            default: throw invalid("`%\(clause)` takes a number, not a \(value.typeName.name)")
            }
            return Self.decimal(number, clause, precision ?? 6)
        default: throw invalid("`%\(clause)` is no formatting clause")
        }
    }

    private func integer(_ value: Value, radix: Int, _ clause: Character) throws(EvaluationError) -> String {
        switch value {
        case .int(let number): String(number, radix: radix)
        case .uint(let number): String(number, radix: radix)
        default: throw invalid("`%\(clause)` takes an integer, not a \(value.typeName.name)")
        }
    }

    private static func hex(_ bytes: some Sequence<UInt8>, isUpper: Bool) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: isUpper) }.joined()
    }

    private static func decimal(_ number: Double, _ clause: Character, _ precision: Int) -> String {
        guard number.isFinite else { return number.celText }
        // The longest double has 309 digits before its point.
        let room = 320 + precision
        let bytes = [CChar](unsafeUninitializedCapacity: room) { buffer, count in
            let length = withVaList([Int32(precision), number]) {
                vsnprintf(buffer.baseAddress, room, clause == "f" ? "%.*f" : "%.*e", $0)
            }
            count = min(room - 1, Int(max(0, length)))
        }
        return String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// `%s`: strings as they are, inside of lists and maps too; maps in the order of their keys' text.
    private static func text(_ value: Value, _ cost: inout Cost) throws(EvaluationError) -> String {
        try cost.spend(1)
        switch value {
        case .string(let text): return text
        case .uint(let number): return String(number)
        case .bytes(let bytes): return String(decoding: bytes, as: UTF8.self)
        case .null, .bool, .int, .double, .timestamp, .duration, .type, .ip, .cidr: return value.display
        case .list(let values):
            var parts: [String] = []
            for value in values { parts.append(try text(value, &cost)) }
            return try joined(parts, "[", "]", &cost)
        case .map(let map):
            var parts: [(key: String, value: String)] = []
            for (key, value) in map.entries { parts.append((try text(key.value, &cost), try text(value, &cost))) }
            parts.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            return try joined(parts.map { "\($0.key): \($0.value)" }, "{", "}", &cost)
        case .optional: throw EvaluationError(.invalidArgument, "`%s` does not take an optional")
        }
    }

    private static func joined(
        _ parts: [String], _ opening: String, _ closing: String, _ cost: inout Cost
    ) throws(EvaluationError) -> String {
        try cost.spend(bytes: parts.reduce(0) { $0 + $1.utf8.count })
        return opening + parts.joined(separator: ", ") + closing
    }
}
