import PatchbayEvents

/// `matches` and the regex extension, with patterns that are known only when evaluating.
let regularExpressionFunctions: [Function] =
    [
        .member("matches", RegularExpressionUse.matches(nil)), .global("matches", RegularExpressionUse.matches(nil)),
    ] + RegularExpressionUse.functions(nil)

/// What is done with regular expressions. The pattern is a constant that was compiled before, or the second operand.
enum RegularExpressionUse {
    /// The functions of the regex extension; all take the text first and the pattern second.
    static func functions(_ constant: RegularExpression?) -> [Function] {
        [
            .global("regex.extract") { (text, pattern, cost) throws(EvaluationError) in
                let text = Array(try text.asString().utf8)
                let expression = try single(try compiled(pattern, constant, &cost))
                try cost.spend(searching: text.count, with: expression)
                guard let groups = expression.firstMatch(in: text, from: 0), let found = groups[groups.count - 1] else {
                    return .optional(nil)
                }
                return .optional(.string(String(decoding: text[found], as: UTF8.self)))
            },
            .global("regex.extractAll") { (text, pattern, cost) throws(EvaluationError) in
                let text = Array(try text.asString().utf8)
                let expression = try single(try compiled(pattern, constant, &cost))
                var found: [Value] = []
                try forEachMatch(of: expression, in: text, &cost) { (groups, cost) throws(EvaluationError) in
                    guard let part = groups[groups.count - 1] else { return true }
                    try cost.spend(bytes: part.count)
                    found.append(.string(String(decoding: text[part], as: UTF8.self)))
                    return true
                }
                return .list(found)
            },
            .global(
                "regex.replace",
                { (text, pattern, replacement, cost) throws(EvaluationError) in
                    let expression = try compiled(pattern, constant, &cost)
                    return try replace(text, expression, replacement, limit: -1, &cost)
                }),
            .global(
                "regex.replace",
                variadic: { (operands, cost) throws(EvaluationError) in
                    guard operands.count == 4 else { throw .overload }
                    let expression = try compiled(operands[1], constant, &cost)
                    return try replace(operands[0], expression, operands[2], limit: try operands[3].asInt(), &cost)
                }),
        ]
    }

    static func matches(_ constant: RegularExpression?) -> Function.Binary {
        { (text, pattern, cost) throws(EvaluationError) in
            let text = try text.asString()
            let expression = try compiled(pattern, constant, &cost)
            try cost.spend(searching: text.utf8.count, with: expression)
            return .bool(expression.matches(text))
        }
    }

    /// Charged whether or not it compiles.
    private static let compilingCost = 5_000

    private static func compiled(
        _ pattern: Value, _ constant: RegularExpression?, _ cost: inout Cost
    ) throws(EvaluationError) -> RegularExpression {
        if let constant { return constant }
        let pattern = try pattern.asString()
        try cost.spend(compilingCost + pattern.utf8.count * 10)
        do throws(RegularExpression.SyntaxError) {
            return try RegularExpression(pattern, limits: .computed)
        } catch {
            throw EvaluationError(.invalidPattern, "the pattern is no regular expression: \(error.message)")
        }
    }

    /// For functions that give the one group, or the whole match where there is none.
    private static func single(_ expression: RegularExpression) throws(EvaluationError) -> RegularExpression {
        guard expression.groupCount <= 1 else {
            throw EvaluationError(
                .invalidPattern,
                "the pattern has \(expression.groupCount) groups; it may have one: (?:…) makes no group")
        }
        return expression
    }

    /// Matches from left to right that do not overlap, until `body` returns false.
    private static func forEachMatch(
        of expression: RegularExpression, in text: [UInt8], _ cost: inout Cost,
        _ body: ([Range<Int>?], inout Cost) throws(EvaluationError) -> Bool
    ) throws(EvaluationError) {
        var start = 0
        var previousEnd = -1
        while start <= text.count {
            try cost.spend(searching: text.count - start, with: expression)
            guard let groups = expression.firstMatch(in: text, from: start), let whole = groups[0] else { return }
            // An empty match right behind the last one is no match of its own.
            if !whole.isEmpty || whole.lowerBound != previousEnd {
                guard try body(groups, &cost) else { return }
            }
            previousEnd = whole.upperBound
            start = whole.upperBound
            if whole.isEmpty {
                repeat { start += 1 } while start < text.count && text[start] & 0xC0 == 0x80
            }
        }
    }

    private static func replace(
        _ text: Value, _ expression: RegularExpression, _ replacement: Value, limit: Int, _ cost: inout Cost
    ) throws(EvaluationError) -> Value {
        let text = Array(try text.asString().utf8)
        let parts = try replacementParts(Array(try replacement.asString().utf8), groups: expression.groupCount)
        guard limit != 0 else { return .string(String(decoding: text, as: UTF8.self)) }
        var result: [UInt8] = []
        var copied = 0
        var count = 0
        try forEachMatch(of: expression, in: text, &cost) { (groups, cost) throws(EvaluationError) in
            guard let whole = groups[0] else { return false }
            let before = result.count
            result += text[copied..<whole.lowerBound]
            for part in parts {
                switch part {
                case .text(let bytes): result += bytes
                case .group(let index): if let range = groups[index] { result += text[range] }
                }
            }
            copied = whole.upperBound
            count += 1
            try cost.spend(bytes: result.count - before)
            return count != limit
        }
        return .string(String(decoding: result + text[copied...], as: UTF8.self))
    }

    private enum ReplacementPart {
        case text([UInt8])
        case group(Int)
    }

    /// `\0` to `\9` stand for groups, `\\` for a backslash.
    private static func replacementParts(
        _ text: [UInt8], groups: Int
    ) throws(EvaluationError) -> [ReplacementPart] {
        var parts: [ReplacementPart] = []
        var plain: [UInt8] = []
        var position = 0
        while position < text.count {
            let byte = text[position]
            position += 1
            guard byte == UInt8(ascii: "\\") else {
                plain.append(byte)
                continue
            }
            let next = position < text.count ? text[position] : 0
            position += 1
            switch next {
            case UInt8(ascii: "\\"): plain.append(next)
            case 48...57:
                let group = Int(next) - 48
                guard group <= groups else {
                    throw EvaluationError(
                        .invalidArgument, "the replacement names group \(group), and the pattern has \(groups)")
                }
                parts += [.text(plain), .group(group)]
                plain = []
            default:
                throw EvaluationError(
                    .invalidArgument, #"a backslash in the replacement needs a digit or a second backslash behind it"#)
            }
        }
        return parts + [.text(plain)]
    }
}
