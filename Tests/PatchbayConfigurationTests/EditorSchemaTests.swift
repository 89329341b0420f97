import Foundation
import PatchbayEvents
import PatchbaySchemas
import Testing

@testable import PatchbayConfiguration

/// The printed schema, as an editor applies it to a file's text.
enum EditorSchema {
    private static let compiled = Result {
        let read = try value(Configuration.jsonSchema())
        return try JSONSchema(compiling: read)
    }

    static func file() throws -> JSONSchema { try compiled.get() }

    /// YAML or JSON as it is written, `${…}` included.
    static func value(_ yaml: String) throws -> Value {
        var reader = YAMLReader(file: "text", inputs: .init())
        let root = reader.read(yaml.replacing("${", with: "$${"))
        try #require(reader.errors.isEmpty, "\(reader.errors)")
        return Format<ConfigurationValue>.free(try #require(root)).value
    }

    static func violations(in yaml: String) throws -> [String] {
        try file().validate(try value(yaml)).map { "\($0.instanceLocation): \($0.message)" }
    }
}

@Suite struct EditorSchemaTests {
    private static let repository = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// Every configuration that a reader of the repository meets: files of examples, and pieces in documents.
    private static let files: [(name: String, text: String)] = {
        var found: [(String, String)] = []
        for folder in ["README.md", "docs", "examples"] {
            let root = repository.appendingPathComponent(folder)
            let names = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)?.compactMap {
                $0 as? URL
            }
            for file in names.map({ $0.isEmpty ? [root] : $0 }) ?? [root] where !file.path.contains("/.build/") {
                guard ["md", "yaml"].contains(file.pathExtension), !file.path.hasSuffix(".test.yaml"),
                    let text = String(data: FileManager.default.contents(atPath: file.path) ?? Data(), encoding: .utf8)
                else { continue }
                if file.pathExtension == "yaml" {
                    found.append((file.lastPathComponent, text))
                } else {
                    for piece in text.components(separatedBy: "\n```yaml\n").dropFirst() {
                        found.append((file.lastPathComponent, piece.components(separatedBy: "\n```")[0]))
                    }
                }
            }
        }
        return found
    }()

    @Test func `takes every configuration of the documents and examples`() throws {
        #expect(Self.files.count >= 4, "\(Self.files.map(\.name))")
        for (name, text) in Self.files where draft(text, environment: ["USER": "x"]).errors.isEmpty {
            #expect(try EditorSchema.violations(in: text) == [], "\(name): \(text)")
        }
    }

    @Test(arguments: [
        "event_routing: {rules: []}", "event_routing: {routing_strategy: topic_based}",
        "event_routing: {routing_rules: [{condition: x}]}", "event_routing: {routing_rules: [{rule: a, handlers: []}]}",
        "event_routing: {routing_optimization: {load_balancing: random}}",
        "event_routing: {routing_optimization: [{priority_levels: 5}]}",
        "event_routing: {routing_optimization: {priority_based: {priority_levels: many}}}",
        "routes: [{name: a b, to: [{handler: a.b}]}]", "routes: [{name: a, to: [{handler: a.b}], final: maybe}]",
        "routes: [{name: a, to: [{handler: a.b, oneOf: [{handler: a.b}]}]}]",
        "routes: [{name: a, to: [{oneOf: [{handler: a.b, match: 'true', when: 1}]}]}]",
        "routes: [{name: a, to: [{oneOf: [{handler: a.b, use: {retry: default}}]}]}]",
        "sources: [{name: a, type: fil}]",
        "policies: {retries: {a b: {}}}", "unmatched: keep", "routes: [{name: a, to: [{handler: a.b}], filters: [{}]}]",
        "routes: [{name: a, to: [{handler: a.b}], transform: [{drop: [data.x]}]}]",
    ])
    func `refuses what the reader refuses`(bad: String) throws {
        #expect(try EditorSchema.violations(in: bad) != [])
        #expect(!draft(bad).errors.isEmpty)
    }

    @Test(arguments: [
        "unmatched: ${UNMATCHED:-drop}", "limits: {nesting: \"${DEPTH}\"}", "routes:", "policies: {retries: }",
        "routes: [{name: \"${NAME}\", to: [{handler: \"${HANDLER}\"}]}]", "shutdown: {drain: \"${DRAIN:-5s}\"}",
        "routes: [{name: a, to: [{handler: a.b}], filters: [{exact: {tenant: 7}}]}]",
    ])
    func `takes variables and what may be left empty`(good: String) throws {
        #expect(try EditorSchema.violations(in: good) == [])
    }

    @Test func `every key has an example that its own schema takes`() throws {
        let root = try EditorSchema.value(Configuration.jsonSchema())
        var keys = 0
        func walk(_ value: Value, path: String) throws {
            if case .list(let list) = value { for element in list { try walk(element, path: path) } }
            guard case .map(let map) = value else { return }
            for entry in map.entries {
                guard case .string(let key) = entry.key else { continue }
                if key == "properties", case .map(let properties) = entry.value {
                    for property in properties.entries {
                        guard case .string(let name) = property.key else { continue }
                        keys += 1
                        try check(property.value, at: "\(path).\(name)")
                        try walk(property.value, path: "\(path).\(name)")
                    }
                } else if !["examples", "default"].contains(key) {
                    try walk(entry.value, path: path)
                }
            }
        }
        func check(_ property: Value, at path: String) throws {
            let examples = property["examples"]?.elements ?? []
            #expect(!examples.isEmpty && property["description"] != nil, "\(path)")
            let definitions = try #require(root["definitions"])
            let schema = try JSONSchema(
                compiling: .object([
                    ("$schema", .string("http://json-schema.org/draft-07/schema#")), ("definitions", definitions),
                    ("allOf", .list([property])),
                ]))
            for example in examples { #expect(schema.validate(example) == [], "\(path)") }
        }
        try walk(root, path: "")
        #expect(keys > 300)
    }
}

extension Value {
    fileprivate subscript(key: String) -> Value? {
        guard case .map(let map) = self else { return nil }
        return map[key]
    }

    fileprivate var elements: [Value] { if case .list(let list) = self { list } else { [] } }
}
