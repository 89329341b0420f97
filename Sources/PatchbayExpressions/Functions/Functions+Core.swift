import PatchbayEvents

let coreFunctions: [Function] = [
    .global("size", size), .member("size", size),
    .member("contains") { (text, part, cost) throws(EvaluationError) in
        let (text, part) = (try text.asString(), try part.asString())
        try cost.spend(bytes: text.utf8.count + part.utf8.count)
        return .bool(text.utf8Contains(part))
    },
    .member("startsWith") { (text, part, cost) throws(EvaluationError) in
        let (text, part) = (try text.asString(), try part.asString())
        try cost.spend(bytes: part.utf8.count)
        return .bool(text.utf8.starts(with: part.utf8))
    },
    .member("endsWith") { (text, part, cost) throws(EvaluationError) in
        let (text, part) = (try text.asString(), try part.asString())
        try cost.spend(bytes: part.utf8.count)
        return .bool(text.utf8.count >= part.utf8.count && text.utf8.suffix(part.utf8.count).elementsEqual(part.utf8))
    },
    .global("dyn") { (value, _) throws(EvaluationError) in value },
    .global("type") { (value, _) throws(EvaluationError) in .type(value.typeName) },
]

private let size: Function.Unary = { (value, cost) throws(EvaluationError) in
    switch value {
    case .string(let text):
        try cost.spend(bytes: text.utf8.count)
        return .int(Int64(text.unicodeScalars.count))
    case .bytes(let bytes): return .int(Int64(bytes.count))
    case .list(let list): return .int(Int64(list.count))
    case .map(let map): return .int(Int64(map.count))
    default: throw .overload
    }
}

extension Value {
    func asString() throws(EvaluationError) -> String {
        guard case .string(let text) = self else { throw .overload }
        return text
    }

    func asInt() throws(EvaluationError) -> Int {
        guard case .int(let number) = self else { throw .overload }
        return Int(number)
    }

    func asDouble() throws(EvaluationError) -> Double {
        guard case .double(let number) = self else { throw .overload }
        return number
    }

    func asList() throws(EvaluationError) -> [Value] {
        guard case .list(let list) = self else { throw .overload }
        return list
    }
}

extension String {
    /// Whether the bytes of `part` occur in a row. Not `contains`, which also finds canonically equivalent text.
    func utf8Contains(_ part: String) -> Bool { utf8Position(of: Array(part.utf8), in: Array(utf8), from: 0) != nil }
}

/// Where `part` begins first at `from` or later.
func utf8Position(of part: [UInt8], in text: [UInt8], from: Int) -> Int? {
    guard let first = part.first else { return from <= text.count ? from : nil }
    var position = from
    while position + part.count <= text.count {
        if text[position] == first, text[position..<position + part.count].elementsEqual(part) { return position }
        position += 1
    }
    return nil
}
