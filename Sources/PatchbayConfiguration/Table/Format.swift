/// How one kind of value is written in the file: the one place that reads it, shows it and describes it.
struct Format<Value: Sendable>: Sendable {
    /// `nil` after reporting what is wrong.
    var read: @Sendable (YAMLNode, String, inout Reading) -> Value?
    /// In the form that `read` takes; `nil` shows nothing.
    var show: @Sendable (Value) -> ConfigurationValue?
    var schema: @Sendable () -> ConfigurationValue
}

// MARK: Scalars

extension Format<String> {
    /// Any text that `problem` finds nothing wrong with.
    static func text(
        _ expected: String, pattern: String? = nil, accepted: [String] = [], remedy: String? = nil,
        problem: @escaping @Sendable (String) -> String? = { _ in nil }
    ) -> Self {
        Format(
            read: { node, path, reading in
                guard let scalar = reading.scalar(node, path, expected: expected) else { return nil }
                if let problem = problem(scalar.text) {
                    // A problem may quote a part of the text.
                    let detail = scalar.holdsSecret ? "" : ": \(problem)"
                    reading.fail(
                        .badValue, "\(scalar.quoted) is not \(expected)\(detail)", at: node.location, path,
                        accepted: accepted, remedy: remedy)
                    return nil
                }
                return scalar.text
            },
            show: { .string($0) },
            // Any scalar is a text here, be it written like a number.
            schema: { Schema.types(["string", "number", "boolean"], ("pattern", pattern.map(Schema.pattern))) })
    }

    /// A name to refer to.
    static func name(_ what: String) -> Self {
        .text(what, pattern: "^[A-Za-z0-9_][A-Za-z0-9_-]*$", accepted: ["letters, digits, '_' and '-'"]) { text in
            Names.isName(text) ? nil : "it has other characters, or none"
        }
    }
}

extension Format<Bool> {
    static let flag = Format(
        read: { node, path, reading in
            guard let scalar = reading.scalar(node, path, expected: "true or false") else { return nil }
            if !scalar.isText || scalar.isInterpolated, ["true", "True", "TRUE"].contains(scalar.text) { return true }
            if !scalar.isText || scalar.isInterpolated, ["false", "False", "FALSE"].contains(scalar.text) {
                return false
            }
            reading.wrongType(node, path, expected: "true or false", accepted: ["true", "false"])
            return nil
        },
        show: { .bool($0) },
        schema: { Schema.orInterpolation(Schema.type("boolean")) })
}

extension Format<Int> {
    static func integer(_ range: ClosedRange<Int>) -> Self {
        Format(
            read: { node, path, reading in
                guard let scalar = reading.scalar(node, path, expected: "a whole number") else { return nil }
                guard !scalar.isText || scalar.isInterpolated, let number = scalar.integer else {
                    reading.wrongType(
                        node, path, expected: "a whole number",
                        accepted: ["\(range.lowerBound) to \(range.upperBound)"],
                        remedy: scalar.integer == nil ? nil : "remove the quotes")
                    return nil
                }
                return reading.inRange(Int(number), range, node, path) { "\($0)" }
            },
            show: { .int(Int64($0)) },
            schema: {
                Schema.orInterpolation(
                    Schema.type(
                        "integer", ("minimum", .int(Int64(range.lowerBound))),
                        ("maximum", .int(Int64(range.upperBound)))))
            })
    }
}

extension Format<Double> {
    static func number(_ range: ClosedRange<Double>) -> Self {
        Format(
            read: { node, path, reading in
                guard let scalar = reading.scalar(node, path, expected: "a number") else { return nil }
                guard !scalar.isText || scalar.isInterpolated, let number = scalar.number else {
                    reading.wrongType(
                        node, path, expected: "a number", accepted: ["\(range.lowerBound) to \(range.upperBound)"],
                        remedy: scalar.number == nil ? nil : "remove the quotes")
                    return nil
                }
                return reading.inRange(number, range, node, path) { "\($0)" }
            },
            show: { .double($0) },
            schema: {
                Schema.orInterpolation(
                    Schema.type(
                        "number", ("minimum", .double(range.lowerBound)), ("maximum", .double(range.upperBound))))
            })
    }
}

extension Format where Value: CaseIterable & RawRepresentable & Equatable, Value.RawValue == String {
    /// One word of a list; `later` has words that later work brings.
    static func choice(later: [String: LaterWork] = [:]) -> Self {
        let words = Value.allCases.map(\.rawValue)
        let expected = "one of \(words.joined(separator: ", "))"
        return Format(
            read: { node, path, reading in
                guard let scalar = reading.scalar(node, path, expected: expected) else { return nil }
                if let value = Value(rawValue: scalar.text) { return value }
                if let work = later[scalar.text] {
                    reading.fail(.later, work.refusal(of: scalar.quoted), at: node.location, path, accepted: words)
                    return nil
                }
                reading.fail(
                    .badValue, "\(scalar.quoted) is not accepted\(Suggestion.text(for: scalar.written, among: words))",
                    at: node.location, path, accepted: words)
                return nil
            },
            show: { .string($0.rawValue) },
            schema: { Schema.orInterpolation(Schema.type("string", ("enum", .list(words.map { .string($0) })))) })
    }
}

extension Format<ExpressionSource> {
    /// A CEL text; empty is allowed and means that there is none.
    static func expression(_ use: ExpressionUse, mayBeEmpty: Bool = true) -> Self {
        Format(
            read: { node, path, reading in
                if case .list = node.content {
                    reading.wrongType(
                        node, path, expected: "a CEL text",
                        remedy: "quote it: \"[event.source, event.id]\" is a CEL list in one text")
                    return nil
                }
                guard let scalar = reading.scalar(node, path, expected: "a CEL text") else { return nil }
                if scalar.text.allSatisfy(\.isWhitespace) {
                    if mayBeEmpty { return ExpressionSource("", location: node.location) }
                    reading.fail(.badValue, "the expression is empty", at: node.location, path)
                    return nil
                }
                guard reading.compile(scalar, node, path, as: use) else { return nil }
                return ExpressionSource(scalar.text, location: node.location)
            },
            show: { .string($0.text) },
            // An unquoted `true` or `5` is CEL too.
            schema: { Schema.types(["string", "number", "boolean"]) })
    }
}

extension Format<ConfigurationValue> {
    /// A map of any shape.
    static let freeMap = Format(
        read: { node, path, reading in
            if case .scalar(let scalar) = node.content, scalar.isNull { return .map([]) }
            guard case .map = node.content else {
                reading.wrongType(node, path, expected: "a map")
                return nil
            }
            return free(node)
        },
        show: { $0 },
        schema: { Schema.types(["object", "null"]) })

    /// Whatever stands there, by YAML's core schema.
    static func free(_ node: YAMLNode) -> ConfigurationValue {
        switch node.content {
        case .scalar(let scalar): scalar.resolved
        case .list(let list): .list(list.map(free))
        case .map(let entries): .map(entries.map { .init(key: $0.key, value: free($0.value)) })
        case .unusable: .null
        }
    }
}

// MARK: Composition

extension Format {
    /// A list of these.
    func list(nonEmpty: Bool = false) -> Format<[Value]> {
        let element = self
        return Format<[Value]>(
            read: { node, path, reading in
                if case .scalar(let scalar) = node.content, scalar.isNull, !nonEmpty { return [] }
                guard case .list(let nodes) = node.content else {
                    reading.wrongType(node, path, expected: "a list", remedy: "put it into [ ]")
                    return nil
                }
                if nodes.isEmpty, nonEmpty {
                    reading.fail(.badValue, "the list is empty", at: node.location, path)
                    return nil
                }
                return nodes.enumerated().compactMap { index, node in
                    element.read(node, "\(path)[\(index)]", &reading)
                }
            },
            show: { .list($0.compactMap(element.show)) },
            schema: {
                Schema.types(
                    nonEmpty ? ["array"] : ["array", "null"], ("items", element.schema()),
                    ("minItems", nonEmpty ? .int(1) : nil))
            })
    }

    /// As this, for a property that may have no value.
    var optional: Format<Value?> {
        Format<Value?>(
            read: { node, path, reading in read(node, path, &reading).map { .some($0) } },
            show: { $0.flatMap(show) },
            schema: schema)
    }
}

extension Reading {
    /// `value` if it is in `range`, else nothing after an error.
    mutating func inRange<T: Comparable>(
        _ value: T, _ range: ClosedRange<T>, _ node: YAMLNode, _ path: String, show: (T) -> String
    ) -> T? {
        if range.contains(value) { return value }
        var shown = show(value)
        if case .scalar(let scalar) = node.content, scalar.holdsSecret { shown = scalar.quoted }
        fail(
            .outOfRange, "\(shown) is out of range", at: node.location, path,
            accepted: ["\(show(range.lowerBound)) to \(show(range.upperBound))"])
        return nil
    }
}
