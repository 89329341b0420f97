import PatchbayEvents

/// The strings extension. Positions count Unicode scalars.
let stringFunctions: [Function] = [
    .member("charAt") { (text, index, cost) throws(EvaluationError) in
        let scalars = try scalars(text, &cost)
        let index = try index.asInt()
        guard (0...scalars.count).contains(index) else { throw outOfRange(index) }
        return .string(index == scalars.count ? "" : String(scalars[index]))
    },
    .member("indexOf", { (text, part, cost) throws(EvaluationError) in try firstIndex(text, part, nil, &cost) }),
    .member(
        "indexOf",
        { (text, part, from, cost) throws(EvaluationError) in
            try firstIndex(text, part, from, &cost)
        }),
    .member("lastIndexOf", { (text, part, cost) throws(EvaluationError) in try lastIndex(text, part, nil, &cost) }),
    .member(
        "lastIndexOf",
        { (text, part, from, cost) throws(EvaluationError) in
            try lastIndex(text, part, from, &cost)
        }),
    .member("lowerAscii") { (text, cost) throws(EvaluationError) in
        try mapBytes(text, &cost) { (65...90).contains($0) ? $0 + 32 : $0 }
    },
    .member("upperAscii") { (text, cost) throws(EvaluationError) in
        try mapBytes(text, &cost) { (97...122).contains($0) ? $0 - 32 : $0 }
    },
    .member(
        "replace",
        { (text, old, new, cost) throws(EvaluationError) in
            try replace(text, old, new, limit: -1, &cost)
        }),
    .member(
        "replace",
        variadic: { (operands, cost) throws(EvaluationError) in
            guard operands.count == 4 else { throw .overload }
            return try replace(operands[0], operands[1], operands[2], limit: try operands[3].asInt(), &cost)
        }),
    .member(
        "split",
        { (text, separator, cost) throws(EvaluationError) in
            try split(text, separator, limit: -1, &cost)
        }),
    .member(
        "split",
        { (text, separator, limit, cost) throws(EvaluationError) in
            try split(text, separator, limit: try limit.asInt(), &cost)
        }),
    .member(
        "substring",
        { (text, start, cost) throws(EvaluationError) in
            try substring(text, start, end: nil, &cost)
        }),
    .member(
        "substring",
        { (text, start, end, cost) throws(EvaluationError) in
            try substring(text, start, end: try end.asInt(), &cost)
        }),
    .member("trim") { (text, cost) throws(EvaluationError) in
        let scalars = try scalars(text, &cost)
        guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
            let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
        else { return .string("") }
        return string(scalars[first...last])
    },
    .member("join", { (list, cost) throws(EvaluationError) in try join(list, .string(""), &cost) }),
    .member("join", { (list, separator, cost) throws(EvaluationError) in try join(list, separator, &cost) }),
    .member("reverse") { (value, cost) throws(EvaluationError) in
        guard case .list(let list) = value else { return string(try scalars(value, &cost).reversed()) }
        try cost.spend(list.count)
        return .list(list.reversed())
    },
    .global("strings.quote") { (text, cost) throws(EvaluationError) in
        let scalars = try scalars(text, &cost)
        return .string("\"" + scalars.map { escapes[$0] ?? String($0) }.joined() + "\"")
    },
    .member("format") { (format, arguments, cost) throws(EvaluationError) in
        var formatter = Formatter(format: Array(try format.asString().utf8), arguments: try arguments.asList())
        return .string(try formatter.formatted(&cost))
    },
]

private let escapes: [Unicode.Scalar: String] = [
    "\u{07}": #"\a"#, "\u{08}": #"\b"#, "\u{0C}": #"\f"#, "\n": #"\n"#, "\r": #"\r"#, "\t": #"\t"#,
    "\u{0B}": #"\v"#, "\\": #"\\"#, "\"": #"\""#,
]

private func scalars(_ value: Value, _ cost: inout Cost) throws(EvaluationError) -> [Unicode.Scalar] {
    let text = try value.asString()
    try cost.spend(1 + text.utf8.count / 4)
    return Array(text.unicodeScalars)
}

private func string(_ scalars: some Sequence<Unicode.Scalar>) -> Value {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return .string(String(text))
}

private func outOfRange(_ index: Int) -> EvaluationError {
    EvaluationError(.indexOutOfRange, "index out of range: \(index)")
}

private func mapBytes(
    _ value: Value, _ cost: inout Cost, _ transform: (UInt8) -> UInt8
) throws(EvaluationError) -> Value {
    let text = try value.asString()
    try cost.spend(bytes: text.utf8.count)
    return .string(String(decoding: text.utf8.map(transform), as: UTF8.self))
}

private func firstIndex(
    _ text: Value, _ part: Value, _ from: Value?, _ cost: inout Cost
) throws(EvaluationError) -> Value {
    let (text, part) = (try scalars(text, &cost), try scalars(part, &cost))
    let from = try from?.asInt() ?? 0
    guard (0...text.count).contains(from) else { throw outOfRange(from) }
    var position = from
    while position + part.count <= text.count {
        try cost.spend(1)
        if text[position..<position + part.count].elementsEqual(part) { return .int(Int64(position)) }
        position += 1
    }
    return .int(-1)
}

private func lastIndex(
    _ text: Value, _ part: Value, _ from: Value?, _ cost: inout Cost
) throws(EvaluationError) -> Value {
    let (text, part) = (try scalars(text, &cost), try scalars(part, &cost))
    let from = try from?.asInt() ?? text.count
    guard (0...text.count).contains(from) else { throw outOfRange(from) }
    var position = min(from, text.count - part.count)
    while position >= 0 {
        try cost.spend(1)
        if text[position..<position + part.count].elementsEqual(part) { return .int(Int64(position)) }
        position -= 1
    }
    return .int(-1)
}

/// Pieces of the text's UTF-8 between at most `limit` occurrences of a separator; all of them when it is negative.
private func pieces(
    _ text: [UInt8], _ separator: [UInt8], limit: Int, _ cost: inout Cost
) throws(EvaluationError) -> [ArraySlice<UInt8>] {
    try cost.spend(1 + text.count / 4)
    var found: [ArraySlice<UInt8>] = []
    var start = 0
    while limit < 0 || found.count < limit {
        let next: Int
        if separator.isEmpty {
            // Between scalars.
            guard start < text.count else { break }
            next = text[(start + 1)...].firstIndex { $0 & 0xC0 != 0x80 } ?? text.count
            if next == text.count { break }
        } else {
            guard let place = utf8Position(of: separator, in: text, from: start) else { break }
            next = place
        }
        try cost.spend(1)
        found.append(text[start..<next])
        start = next + separator.count
    }
    return found + [text[start...]]
}

private func split(_ text: Value, _ separator: Value, limit: Int, _ cost: inout Cost) throws(EvaluationError) -> Value {
    let (text, separator) = (Array(try text.asString().utf8), Array(try separator.asString().utf8))
    if limit == 0 || (text.isEmpty && separator.isEmpty) { return .list([]) }
    let parts = try pieces(text, separator, limit: limit < 0 ? -1 : limit - 1, &cost)
    return .list(parts.map { .string(String(decoding: $0, as: UTF8.self)) })
}

private func replace(
    _ text: Value, _ old: Value, _ new: Value, limit: Int, _ cost: inout Cost
) throws(EvaluationError) -> Value {
    let (text, old, new) = (
        Array(try text.asString().utf8), Array(try old.asString().utf8), Array(try new.asString().utf8)
    )
    if limit == 0 { return .string(String(decoding: text, as: UTF8.self)) }
    var result: [UInt8] = []
    if old.isEmpty {
        // Before each scalar and at the end.
        var left = limit
        for byte in text {
            if byte & 0xC0 != 0x80, left != 0 {
                try cost.spend(bytes: new.count)
                result += new
                left -= 1
            }
            result.append(byte)
        }
        return .string(String(decoding: left != 0 ? result + new : result, as: UTF8.self))
    }
    for (index, piece) in try pieces(text, old, limit: limit, &cost).enumerated() {
        try cost.spend(bytes: new.count)
        if index > 0 { result += new }
        result += piece
    }
    return .string(String(decoding: result, as: UTF8.self))
}

private func substring(_ text: Value, _ start: Value, end: Int?, _ cost: inout Cost) throws(EvaluationError) -> Value {
    let scalars = try scalars(text, &cost)
    let start = try start.asInt()
    let end = end ?? scalars.count
    guard (0...scalars.count).contains(start) else { throw outOfRange(start) }
    guard (0...scalars.count).contains(end) else { throw outOfRange(end) }
    guard start <= end else {
        throw EvaluationError(.invalidArgument, "invalid substring range. start: \(start), end: \(end)")
    }
    return string(scalars[start..<end])
}

private func join(_ list: Value, _ separator: Value, _ cost: inout Cost) throws(EvaluationError) -> Value {
    let separator = try separator.asString()
    var text = ""
    for (index, element) in try list.asList().enumerated() {
        let part = try element.asString()
        try cost.spend(bytes: part.utf8.count + separator.utf8.count)
        if index > 0 { text += separator }
        text += part
    }
    return .string(text)
}
