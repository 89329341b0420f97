import PatchbayEvents
import PatchbaySchemas
import Testing

@Suite struct ViolationTests {
    static let smtp = #"""
        {"type": "object", "required": ["host", "port"], "additionalProperties": false, "properties": {
            "host": {"type": "string", "minLength": 1},
            "port": {"type": "integer", "minimum": 1, "maximum": 65535},
            "security": {"enum": ["none", "tls", "starttls"]},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2, "uniqueItems": true}}}
        """#

    @Test func `reports every violation at once, each with its place and what is accepted`() throws {
        let found = try violations(
            Self.smtp, #"{"host": "", "port": "x", "security": "ssl", "tags": ["a", 1, "a"], "hots": 1}"#)
        #expect(
            Set(found) == [
                #"/host: must have at least 1 character, has 0"#,
                #"/port: expected integer, got string "x""#,
                #"/security: must be one of "none", "tls", "starttls", got string "ssl""#,
                #"/tags: must have at most 2 items, has 3"#,
                #"/tags: must not hold equal items: 0 and 2 are equal"#,
                #"/tags/1: expected string, got integer 1"#,
                #"/hots: is not a known property; accepted are "host", "port", "security", "tags""#,
            ])
    }

    @Test func `names a missing property where it belongs and the keyword that asks for it`() throws {
        let found = try JSONSchema(compiling: json(Self.smtp)).validate(json(#"{"host": "h"}"#))
        #expect(
            found == [
                Violation(
                    instanceLocation: "/port", schemaLocation: "#/required", keyword: "required", message: "is required"
                )
            ])
    }

    @Test func `gives the schema location through references and with the URI of the resource`() throws {
        let schema = #"""
            {"$id": "https://example.com/a", "properties": {"x": {"$ref": "#/$defs/a~1b"}},
             "$defs": {"a/b": {"maximum": 5}}}
            """#
        let found = try JSONSchema(compiling: json(schema)).validate(json(#"{"x": 6}"#))
        #expect(found.map(\.schemaLocation) == ["https://example.com/a#/$defs/a~1b/maximum"])
        #expect(found.map(\.message) == ["must be at most 5, got integer 6"])
    }

    @Test func `escapes names in the instance location`() throws {
        #expect(
            try violations(#"{"additionalProperties": {"type": "null"}}"#, #"{"a/b~c": 1}"#)
                == ["/a~1b~0c: expected null, got integer 1"])
    }

    @Test func `says what each alternative missed when none matches`() throws {
        let schema = #"{"properties": {"to": {"anyOf": [{"type": "string"}, {"required": ["handler"]}]}}}"#
        #expect(
            try violations(schema, #"{"to": {}}"#) == [
                "/to: matches none of 2 alternatives: expected string, got empty object; or /handler is required"
            ])
        #expect(
            try violations(#"{"oneOf": [{"type": "integer"}, {"minimum": 2}]}"#, "3")
                == ["must match exactly one of 2 alternatives, matches numbers 1 and 2"])
    }

    @Test func `hides write-only values and those that the caller redacts`() throws {
        let schema = try JSONSchema(
            compiling: json(
                #"{"properties": {"key": {"type": "integer", "writeOnly": true}, "url": {"pattern": "^https:"}}}"#))
        let found = schema.validate(try json(#"{"key": "hunter2", "url": "http://user:pw@h"}"#), redacting: ["/url"])
        #expect(
            Set(found.map(\.description)) == [
                "/key: expected integer, got string", "/url: must match the pattern ^https:, got string",
            ])
    }

    @Test func `reports no unknown properties after an alternative has failed`() throws {
        let schema = #"{"allOf": [{"properties": {"a": {"type": "string"}}}], "unevaluatedProperties": false}"#
        #expect(try violations(schema, #"{"a": 1}"#) == ["/a: expected string, got integer 1"])
        #expect(try violations(schema, #"{"a": "x", "b": 1}"#) == ["/b: is not a known property"])
    }

    @Test func `stops listing at the limit and counts the rest`() throws {
        var options = JSONSchema.Options()
        options.limits.violationsMax = 3
        let schema = try JSONSchema(compiling: json(#"{"items": {"type": "string"}}"#), options: options)
        let found = schema.validate(try json("[1, 2, 3, 4, 5]"))
        #expect(found.count == 4)
        #expect(found.last?.message == "and 2 more violations")
    }
}
