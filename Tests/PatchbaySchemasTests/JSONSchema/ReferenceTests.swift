import PatchbayEvents
import PatchbaySchemas
import Testing

@Suite struct ReferenceTests {
    @Test func `finds documents that were handed over, by URI and by identifier inside`() throws {
        var options = JSONSchema.Options()
        options.baseURI = "https://example.com/schemas/main.json"
        options.documents = [
            "https://example.com/schemas/parts.json": try json(
                #"""
                {"$defs": {"port": {"$anchor": "port", "maximum": 9}, "name": {"$id": "name.json", "type": "string"}}}
                """#
            )
        ]
        let schema = try JSONSchema(
            compiling: json(
                #"{"properties": {"a": {"$ref": "parts.json#port"}, "b": {"$ref": "parts.json#/$defs/name"}}}"#),
            options: options)
        #expect(
            schema.validate(try json(#"{"a": 10, "b": 5}"#)).map(\.schemaLocation) == [
                "https://example.com/schemas/parts.json#/$defs/port/maximum",
                "https://example.com/schemas/name.json#/type",
            ])
    }

    @Test func `lets an outer schema extend an inner one through a dynamic anchor`() throws {
        let schema = #"""
            {"$id": "https://example.com/strict", "$dynamicAnchor": "node", "$ref": "tree",
             "unevaluatedProperties": false,
             "$defs": {"tree": {"$id": "tree", "$dynamicAnchor": "node", "type": "object",
                "properties": {"data": true, "children": {"items": {"$dynamicRef": "#node"}}}}}}
            """#
        #expect(try violations(schema, #"{"children": [{"data": 1}]}"#) == [])
        #expect(
            try violations(schema, #"{"children": [{"daat": 1}]}"#)
                == ["/children/0/daat: is not a known property"])
    }

    @Test func `reads draft-07 where the schema says so`() throws {
        let schema = #"""
            {"$schema": "http://json-schema.org/draft-07/schema#", "properties": {
                "list": {"items": [{"type": "string"}], "additionalItems": false},
                "reference": {"$ref": "#/definitions/number", "maximum": 1}},
             "dependencies": {"list": ["reference"]}, "definitions": {"number": {"type": "number"}}}
            """#
        #expect(try violations(schema, #"{"list": ["a"], "reference": 5}"#) == [])
        #expect(
            try Set(violations(schema, #"{"list": ["a", 1]}"#)) == [
                "/list: must have at most 1 item, has 2", #"/reference: is required beside "list""#,
            ])
    }

    @Test func `validates schemas against the meta-schemas that it carries`() throws {
        for uri in ["https://json-schema.org/draft/2020-12/schema", "http://json-schema.org/draft-07/schema#"] {
            let meta = "{\"$schema\": \"\(uri)\", \"$ref\": \"\(uri)\"}"
            #expect(try violations(meta, ViolationTests.smtp) == [])
            #expect(try !violations(meta, #"{"properties": {"a": {"minLength": -1}}}"#).isEmpty)
        }
    }

    @Test func `turns off the keywords of vocabularies that the meta-schema leaves out`() throws {
        var options = JSONSchema.Options()
        options.documents = [
            "https://example.com/meta": try json(
                #"""
                {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/meta",
                 "$vocabulary": {"https://json-schema.org/draft/2020-12/vocab/core": true,
                                 "https://json-schema.org/draft/2020-12/vocab/applicator": true}}
                """#)
        ]
        let text = #"{"$schema": "https://example.com/meta", "properties": {"a": {"minimum": 5}, "b": false}}"#
        let schema = try JSONSchema(compiling: json(text), options: options)
        #expect(schema.validate(try json(#"{"a": 1, "b": 1}"#)).map(\.instanceLocation) == ["/b"])
    }
}
