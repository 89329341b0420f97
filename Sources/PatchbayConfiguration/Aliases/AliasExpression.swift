import PatchbayExpressions

/// A condition over the older names, in CEL over `event`.
///
/// Names are found in the parsed expression, so that texts, fields and what macros bind stay as they are:
/// `event_type` is `event.type`, `event_data.x` and a plain `x` are `event.data.x`, `metadata.user_id` is the attribute
/// `event.userid`.
struct AliasExpression {
    private struct Edit {
        /// In Unicode scalars of the old text.
        var old: Range<Int>
        /// In Unicode scalars of the new one.
        var new: Range<Int>
    }

    /// In CEL.
    let text: String
    private let edits: [Edit]

    /// - Throws: what is wrong with the syntax of `source`.
    init(_ source: String) throws(ExpressionError) {
        let outline = try ExpressionOutline(source)
        let bytes = Array(source.utf8)
        var text: [UInt8] = []
        var edits: [Edit] = []
        var copied = 0
        for (range, replacement) in outline.names.flatMap(Self.replacements) {
            text += bytes[copied..<range.lowerBound]
            let (oldStart, newStart) = (Self.scalars(bytes[..<range.lowerBound]), Self.scalars(text[...]))
            text += replacement.utf8
            edits.append(
                Edit(
                    old: oldStart..<oldStart + Self.scalars(bytes[range]), new: newStart..<Self.scalars(text[...])))
            copied = range.upperBound
        }
        text += bytes[copied...]
        self.text = String(decoding: text, as: UTF8.self)
        self.edits = edits
    }

    /// Where what stands at `offset` of `text` comes from; both in Unicode scalars.
    func sourceOffset(of offset: Int) -> Int {
        var shift = 0
        for edit in edits where edit.new.lowerBound <= offset {
            if offset < edit.new.upperBound { return edit.old.lowerBound }
            shift = edit.old.upperBound - edit.new.upperBound
        }
        return offset + shift
    }

    private static func scalars(_ bytes: ArraySlice<UInt8>) -> Int { bytes.count { $0 & 0xC0 != 0x80 } }

    // MARK: Names

    /// The older names for what every event has, and its data.
    private static let names: [String: String] = [
        "event_type": "event.type", "type": "event.type", "event_id": "event.id", "id": "event.id",
        "event_source": "event.source", "source": "event.source", "event_subject": "event.subject",
        "subject": "event.subject", "event_time": "event.time", "event_timestamp": "event.time",
        "timestamp": "event.time", "event_data": "event.data", "data": "event.data", "payload": "event.data",
        "correlation_id": "event.correlationid", "correlationId": "event.correlationid",
    ]
    /// What CEL itself means by a name.
    private static let types: Set = [
        "bool", "int", "uint", "double", "string", "bytes", "list", "map", "null_type", "dyn", "google",
    ]
    private static let namespaces: Set = [
        "math", "strings", "sets", "lists", "base64", "regex", "optional", "cel",
    ]

    private static func replacements(for name: ExpressionOutline.Name) -> [(Range<Int>, String)] {
        let text = name.text
        if text == "event" || types.contains(text) || name.isCallTarget && namespaces.contains(text) { return [] }
        if text == "metadata" || text == "event_metadata" {
            let event = (name.range, "event")
            guard let field = name.field, let range = name.fieldRange else { return [event] }
            // Attributes have lower-case letters and digits only.
            return [event, (range, field.lowercased().filter { $0 != "_" })]
        }
        return [(name.range, names[text] ?? "event.data.\(text)")]
    }
}

extension Format<ExpressionSource> {
    /// A condition over the older names or over `event`; kept in CEL.
    static let aliasCondition = Format(
        read: { node, path, reading in
            guard let scalar = reading.scalar(node, path, expected: "a condition") else { return nil }
            if scalar.text.allSatisfy(\.isWhitespace) { return ExpressionSource("", location: node.location) }
            let alias: AliasExpression
            do throws(ExpressionError) {
                alias = try AliasExpression(scalar.text)
            } catch {
                reading.fail(error, in: scalar, node, path)
                return nil
            }
            guard let problem = reading.check(alias.text, .condition) else {
                return ExpressionSource(alias.text, location: node.location)
            }
            let place = reading.alignment.location(
                of: alias.sourceOffset(of: problem.offset), in: scalar, at: node.location)
            let detail = scalar.holdsSecret ? "\(scalar.quoted) does not compile" : problem.message
            reading.fail(
                .expression, "condition: \(detail)", at: scalar.holdsSecret ? node.location : place, path,
                accepted: scalar.holdsSecret ? [] : problem.accepted,
                remedy: !scalar.holdsSecret && alias.text != scalar.text ? "it stands for: \(alias.text)" : nil)
            return nil
        },
        show: { .string($0.text) },
        schema: { Schema.types(["string", "number", "boolean"]) })
}

extension Reading {
    /// Reports a mistake in the syntax of an expression at its place inside the scalar.
    fileprivate mutating func fail(
        _ error: ExpressionError, in scalar: YAMLScalar, _ node: YAMLNode, _ path: String
    ) {
        guard !scalar.holdsSecret else {
            return fail(.expression, "condition: \(scalar.quoted) does not compile", at: node.location, path)
        }
        let offset = Configuration.offset(of: error.position, in: scalar.text)
        fail(
            .expression, "condition: \(error.message)",
            at: alignment.location(of: offset, in: scalar, at: node.location), path, accepted: error.accepted)
    }
}
