import PatchbayEvents
import PatchbaySchemas
import Testing

@Suite struct DefaultsTests {
    static let schema = #"""
        {"type": "object", "properties": {
            "host": {"default": "localhost"},
            "retry": {"$ref": "#/$defs/retry"},
            "servers": {"items": {"$ref": "#/$defs/retry"}},
            "limits": {"default": {}, "properties": {"max": {"default": 5}}}},
         "allOf": [{"properties": {"host": {"default": "other"}, "port": {"default": 25}}}],
         "$defs": {"retry": {
            "default": {"times": 1}, "properties": {"times": {"default": 3}, "wait": {"default": "1s"}}}}}
        """#

    @Test(arguments: [
        ("{}", #"{"host":"localhost","port":25,"limits":{"max":5},"retry":{"times":1,"wait":"1s"}}"#),
        (
            #"{"host": "h", "retry": {}, "limits": null}"#,
            #"{"host":"h","port":25,"limits":null,"retry":{"times":3,"wait":"1s"}}"#
        ),
        (
            #"{"servers": [{}, 5, {"wait": null}], "x": 1}"#,
            #"""
            {"host":"localhost","port":25,"limits":{"max":5},"retry":{"times":1,"wait":"1s"},"x":1,
             "servers":[{"times":3,"wait":"1s"},5,{"wait":null,"times":3}]}
            """#
        ),
        ("[1]", "[1]"),
    ])
    func `fills in what is absent, nested and through references, and nothing else`(
        _ instance: String, _ expected: String
    ) throws {
        let schema = try JSONSchema(compiling: json(Self.schema))
        let filled = schema.fillingDefaults(in: try json(instance))
        #expect(filled == (try json(expected)))
        #expect(schema.fillingDefaults(in: filled) == filled)
    }

    @Test func `leaves alternatives alone`() throws {
        let schema = try JSONSchema(compiling: json(#"{"anyOf": [{"properties": {"a": {"default": 1}}}]}"#))
        #expect(schema.fillingDefaults(in: try json("{}")) == (try json("{}")))
    }
}
