import PatchbayEvents

let conversionFunctions: [Function] = [
    .global("int") { (value, cost) throws(EvaluationError) in
        switch value {
        case .int: return value
        case .uint(let number): return .int(try exactly(Int64(exactly: number), value, "an int"))
        case .double(let number):
            // Both bounds are excluded, because a double next to them may stand for what lies outside.
            guard number > -0x1p63, number < 0x1p63 else { throw unconvertible(value, "an int") }
            return .int(Int64(number))
        case .string(let text): return .int(try exactly(Int64(text), value, "an int"))
        case .timestamp(let time): return .int(time.seconds)
        default: throw .overload
        }
    },
    .global("uint") { (value, cost) throws(EvaluationError) in
        switch value {
        case .uint: return value
        case .int(let number): return .uint(try exactly(UInt64(exactly: number), value, "a uint"))
        case .double(let number):
            guard number > -1, number < 0x1p64, number >= 0 else { throw unconvertible(value, "a uint") }
            return .uint(UInt64(number))
        case .string(let text): return .uint(try exactly(UInt64(text), value, "a uint"))
        default: throw .overload
        }
    },
    .global("double") { (value, cost) throws(EvaluationError) in
        switch value {
        case .double: return value
        case .int(let number): return .double(Double(number))
        case .uint(let number): return .double(Double(number))
        case .string(let text): return .double(try exactly(double(text), value, "a double"))
        default: throw .overload
        }
    },
    .global("bool") { (value, cost) throws(EvaluationError) in
        guard case .string(let text) = value else {
            guard case .bool = value else { throw .overload }
            return value
        }
        switch text {
        case "1", "t", "T", "true", "TRUE", "True": return .bool(true)
        case "0", "f", "F", "false", "FALSE", "False": return .bool(false)
        default: throw unconvertible(value, "a bool")
        }
    },
    .global("string") { (value, cost) throws(EvaluationError) in
        switch value {
        case .string: return value
        case .bool(let value): return .string(String(value))
        case .int(let number): return .string(String(number))
        case .uint(let number): return .string(String(number))
        case .double(let number): return .string(number.celText)
        case .bytes(let bytes):
            try cost.spend(bytes: bytes.count)
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw EvaluationError(.invalidArgument, "these bytes are not UTF-8")
            }
            return .string(text)
        case .timestamp(let time): return .string(time.rfc3339)
        case .duration(let duration): return .string(duration.secondsText)
        case .ip(let address): return .string(address.text)
        case .cidr(let network): return .string(network.text)
        default: throw .overload
        }
    },
    .global("bytes") { (value, cost) throws(EvaluationError) in
        guard case .string(let text) = value else {
            guard case .bytes = value else { throw .overload }
            return value
        }
        try cost.spend(bytes: text.utf8.count)
        return .bytes(Array(text.utf8))
    },
    .global("timestamp") { (value, cost) throws(EvaluationError) in
        switch value {
        case .timestamp: return value
        case .int(let seconds): return .timestamp(try Operators.inRange(Value.Timestamp(seconds: seconds)))
        case .string(let text):
            return .timestamp(try exactly(Value.Timestamp(rfc3339: text), value, "a timestamp"))
        default: throw .overload
        }
    },
    .global("duration") { (value, cost) throws(EvaluationError) in
        switch value {
        case .duration: return value
        case .string(let text): return .duration(try exactly(Duration(unitText: text), value, "a duration"))
        default: throw .overload
        }
    },
]

private func exactly<T>(_ result: T?, _ value: Value, _ wanted: String) throws(EvaluationError) -> T {
    guard let result else { throw unconvertible(value, wanted) }
    return result
}

private func unconvertible(_ value: Value, _ wanted: String) -> EvaluationError {
    EvaluationError(.invalidArgument, "\(value.display) is not \(wanted)")
}

/// Decimal text, `NaN` or `Infinity`; not the hexadecimal forms that Swift reads too.
private func double(_ text: String) -> Double? {
    switch text {
    case "NaN": return .nan
    case "Infinity", "+Infinity", "Inf", "+Inf": return .infinity
    case "-Infinity", "-Inf": return -.infinity
    default:
        let isDecimal = !text.isEmpty && text.utf8.allSatisfy { (48...57).contains($0) || "+-.eE".utf8.contains($0) }
        return isDecimal ? Double(text) : nil
    }
}

extension Double {
    /// The shortest digits that give the number back, with an exponent below 1e-4 and from 1e21 on; whole numbers
    /// have no point.
    package var celText: String {
        if isNaN { return "NaN" }
        if isInfinite { return self < 0 ? "-Infinity" : "Infinity" }
        let text = description  // Such as 1.5, 1e+16, 1.5e-05.
        let sign = text.hasPrefix("-") ? "-" : ""
        let parts = text.dropFirst(sign.utf8.count).split(separator: "e")
        let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        var digits = mantissa[0] + (mantissa.count > 1 && mantissa[1] != "0" ? mantissa[1] : "")
        var point = mantissa[0].count + exponent
        while digits.count > 1, digits.first == "0" {
            digits.removeFirst()
            point -= 1
        }
        while digits.count > 1, digits.last == "0" { digits.removeLast() }
        if digits == "0" { return sign + "0" }
        if point < -3 || point > 21 {
            let rest = digits.dropFirst()
            let scale = point - 1
            let scaleDigits = (abs(scale) < 10 ? "0" : "") + String(abs(scale))
            return "\(sign)\(digits.prefix(1))\(rest.isEmpty ? "" : "." + rest)e\(scale < 0 ? "-" : "+")\(scaleDigits)"
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if point >= digits.count { return sign + digits + String(repeating: "0", count: point - digits.count) }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }
}
