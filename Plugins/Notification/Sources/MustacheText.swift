import Mustache
import PatchbaySDK

/// A Mustache template whose values are escaped for where its text goes.
struct MustacheText: Sendable {
    /// Where a text goes.
    enum Target: Sendable {
        /// Plain text and headers: nothing is escaped.
        case plain
        /// `&`, `<`, `>` and quotes, as HTML has them.
        case html
        /// As `ChatText` has it.
        case slack
        /// The inside of a JSON string.
        case json
    }

    private let template: MustacheTemplate

    /// Throws what Mustache has to say about the template.
    init(_ text: String, for target: Target) throws {
        // The pragma goes before the text, on its line, so that the text may begin with a line of its own.
        switch target {
        case .plain: template = try MustacheTemplate(string: "{{% CONTENT_TYPE:TEXT}}" + text)
        case .html: template = try MustacheTemplate(string: text)
        case .slack, .json:
            let name = target == .slack ? "PATCHBAY_SLACK" : "PATCHBAY_JSON"
            MustacheContentTypes.register(Escaping(target: target), named: name)
            template = try MustacheTemplate(string: "{{% CONTENT_TYPE:\(name)}}" + text)
        }
    }

    /// The text with the values of a JSON object in it. What is missing is empty.
    func fill(from object: JSON) -> String { template.render(MustacheValue.value(object) ?? "") }

    private struct Escaping: MustacheContentType {
        let target: Target

        func escapeText(_ text: String) -> String {
            switch target {
            case .slack: ChatText.escaped(text)
            case .json: String(JSON.string(text).description.dropFirst().dropLast())
            case .plain, .html: text
            }
        }
    }
}

/// A JSON object as Mustache sees it: members by name, and its JSON as text.
private struct MustacheValue: MustacheParent, MustacheCustomRenderable, CustomStringConvertible {
    let members: [String: JSON]

    func child(named name: String) -> Any? { members[name].flatMap(Self.value) }

    var renderText: String { JSON.object(members).description }
    var isNull: Bool { false }
    var description: String { renderText }

    static func value(_ json: JSON) -> Any? {
        switch json {
        case .null: nil
        case .bool(let value): value
        case .integer(let value): value
        case .number(let value): value
        case .string(let value): value
        case .array(let values): values.compactMap(value)
        case .object(let members): MustacheValue(members: members)
        }
    }
}
