package import PatchbaySDK

/// Where a value is inside an event: `subject`, `partitionkey`, `data.customer.id`, `data.lines[0].sku`.
package struct FieldPath: Sendable, Hashable {
    private enum Step: Sendable, Hashable {
        case member(String)
        case element(Int)
    }

    /// As it was written.
    package let text: String
    private let steps: [Step]

    /// Reads a path: names between dots, each with any number of indexes behind it. Throws `PatternError`.
    package init(_ text: String) throws(PatternError) {
        var steps: [Step] = []
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            let pieces = part.split(separator: "[", omittingEmptySubsequences: false)
            guard let name = pieces.first, !name.isEmpty, !name.contains("]") else {
                throw PatternError(text, "a name is missing between its dots")
            }
            steps.append(.member(String(name)))
            for piece in pieces.dropFirst() {
                guard piece.last == "]", let index = Int(piece.dropLast()), index >= 0 else {
                    throw PatternError(text, "an index is a number between brackets, as in lines[0]")
                }
                steps.append(.element(index))
            }
        }
        self.text = text
        self.steps = steps
    }

    /// The value at this place; nil where there is none, or null.
    package func find(in value: JSON) -> JSON? {
        var value = value
        for step in steps {
            switch (step, value) {
            case (.member(let name), .object(let members)):
                guard let member = members[name] else { return nil }
                value = member
            case (.element(let index), .array(let elements)):
                guard elements.indices.contains(index) else { return nil }
                value = elements[index]
            default:
                return nil
            }
        }
        // Not by `?:`, where nil would be JSON's own.
        if case .null = value { return nil }
        return value
    }

    /// The text of a string, number or truth value at this place; nil where there is none.
    package func text(in value: JSON) -> String? {
        switch find(in: value) {
        case .string(let text): text
        case .some(.array), .some(.object), .none: nil
        case .some(let scalar): scalar.description
        }
    }
}

extension FieldPath: Decodable {
    /// From its text, in a configuration.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        do throws(PatternError) {
            try self.init(text)
        } catch {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: error.description)
        }
    }
}

/// Why a path or a template in a configuration cannot be read.
package struct PatternError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What was written.
    package let pattern: String
    /// What is wrong with it.
    package let message: String

    init(_ pattern: String, _ message: String) {
        self.pattern = pattern
        self.message = message
    }

    /// The pattern and what is wrong.
    package var description: String { "'\(pattern)': \(message)" }
}
