import Foundation
import Testing

@testable import PatchbayConfiguration

@Suite struct OutputTests {
    @Test func `effective YAML reads back as the same configuration`() throws {
        let tricky = """
            modules:
              load:
                - name: a
                  config: {"a b": "x: #y", n: "~", t: "true", d: "1.0", e: "", u: "é\\u2028\\n\\t\\"", l: [[1], [], {}], "${X}": "$${Y}"}
            routes:
              - {name: x, to: [{oneOf: [{handler: a.b}, {handler: a.c, weight: 0}]}],
                 filters: [{all: [{exact: {type: "5"}}, {not: {suffix: {source: "- "}}}]}, {cel: "a > 1"}],
                 batching: {count: 3, byteSize: 1500, period: 10ms}}
            """
        for yaml in [completeExample, tricky, ""] {
            let first = try valid(yaml, environment: ["DB_URL": "a b"])
            let printed = EffectiveConfiguration(first).yaml
            let second = try valid(printed)
            #expect(Configuration.section.show(second) == Configuration.section.show(first))
        }
    }

    @Test func `effective YAML says where each value came from`() throws {
        let yaml = EffectiveConfiguration(try valid("log:\n  bytes: 64MiB\nroutes: []\n")).yaml
        #expect(yaml.contains("log:\n  backend: memory  # default\n"))
        #expect(yaml.contains("\n  bytes: 64MiB  # p.yaml:2\n"))
        #expect(yaml.contains("routes: []  # p.yaml:3\n"))
        #expect(yaml.contains("      maxRetries: 5  # default\n"))
    }

    @Test func `effective JSON has every value and every origin`() throws {
        let configuration = try valid(completeExample, environment: ["DB_URL": "x"])
        let json = try JSONSerialization.jsonObject(with: Data(EffectiveConfiguration(configuration).json.utf8))
        let root = try #require(json as? [String: Any])
        let origins = try #require(root["origins"] as? [String: String])
        #expect(origins["routes[0].to[1].oneOf[1].weight"] == "p.yaml:47")
        #expect(origins["policies.bulkheads.default.algorithm"] == "default")
        let log = try #require((root["configuration"] as? [String: Any])?["log"] as? [String: Any])
        #expect(log["bytes"] as? Int == 0)
    }

    @Test func `every key of the example has an origin, so none is dropped`() throws {
        let configuration = try valid(completeExample, environment: ["DB_URL": "x"])
        let yaml = EffectiveConfiguration(configuration).yaml
        let lines = completeExample.split(separator: "\n").count
        // Lines that only open a map or a list hold no value.
        let opening: Set = [2, 4, 7, 9, 11, 12, 23, 24, 33, 38, 45, 56, 69, 73, 77]
        for line in 1...lines where !opening.contains(line) {
            #expect(yaml.contains("# p.yaml:\(line)\n"), "line \(line) of the example is read by nothing")
        }
    }

    @Test func `the JSON Schema describes each key and only those that are accepted`() throws {
        let text = Configuration.jsonSchema()
        let schema = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(schema["$schema"] as? String == "http://json-schema.org/draft-07/schema#")
        var keys = 0
        func walk(_ value: Any, path: String) {
            if let list = value as? [Any] { list.forEach { walk($0, path: path) } }
            guard let map = value as? [String: Any] else { return }
            if let properties = map["properties"] as? [String: [String: Any]] {
                #expect(map["additionalProperties"] as? Bool == false || properties.isEmpty, "\(path)")
                for (name, property) in properties {
                    keys += 1
                    #expect((property["description"] as? String)?.hasSuffix(".") == true, "\(path).\(name)")
                    #expect(!["tenancy", "http"].contains(name))
                }
            }
            for (key, value) in map { walk(value, path: "\(path)/\(key)") }
        }
        walk(schema, path: "")
        #expect(keys > 80)
    }
}
