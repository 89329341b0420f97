package import PatchbaySDK

/// A text with places to fill from an event: `Order {{data.number}} of {{subject}}`. A place that ends in `?` may be
/// empty; any other one has to be there. The first of several that is there counts: `{{data.issue.number | data.number}}`.
/// Nothing else of a template language is known.
package struct Template: Sendable {
    private enum Part: Sendable {
        case text(String)
        case place([FieldPath], isOptional: Bool)
    }

    private let parts: [Part]

    /// Reads a template. Throws `PatternError` for a place that is not closed or whose path is malformed.
    package init(_ text: String) throws(PatternError) {
        var parts: [Part] = []
        var rest = Substring(text)
        while let open = rest.firstRange(of: "{{") {
            if open.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<open.lowerBound]))) }
            guard let close = rest[open.upperBound...].firstRange(of: "}}") else {
                throw PatternError(text, "'{{' without '}}'")
            }
            var path = rest[open.upperBound..<close.lowerBound].trimmed
            let isOptional = path.hasSuffix("?")
            if isOptional { path = path.dropLast().trimmed }
            var paths: [FieldPath] = []
            for path in path.split(separator: "|", omittingEmptySubsequences: false) {
                paths.append(try FieldPath(String(path.trimmed)))
            }
            parts.append(.place(paths, isOptional: isOptional))
            rest = rest[close.upperBound...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
    }

    /// Fills the places. `escape` is applied to what comes from the event. Throws `missing_field` for an absent value, or
    /// one that is an object or a list.
    package func fill(
        from event: JSON, escape: (String) -> String = { $0 }
    ) throws(Refusal) -> String {
        var filled = ""
        for part in parts {
            switch part {
            case .text(let text):
                filled += text
            case .place(let paths, let isOptional):
                if let text = paths.lazy.compactMap({ $0.text(in: event) }).first {
                    filled += escape(text)
                } else if !isOptional {
                    let names = paths.map(\.text).joined(separator: " or ")
                    throw .reject("missing_field: the event has no text or number at \(names)")
                }
            }
        }
        return filled
    }
}

extension Template: Decodable {
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

extension Substring {
    fileprivate var trimmed: Substring {
        let start = drop { $0 == " " }
        guard let last = start.lastIndex(where: { $0 != " " }) else { return "" }
        return start[...last]
    }
}
