import PatchbayEvents
import PatchbaySchemas
import Testing

@Suite struct SchemaErrorTests {
    @Test func `finds every problem of a schema at once, with its place`() throws {
        let found = try problems(
            #"""
            {"type": "strnig", "properties": {"a": {"$ref": "#/$defs/none"}, "b": {"pattern": "("}, "c": 5},
             "required": "a", "$defs": {"unused": {"minLength": -1}}}
            """#)
        #expect(
            Set(found.map(\.location)) == [
                "#/type", "#/properties/a/$ref", "#/properties/b/pattern", "#/properties/c", "#/required",
                "#/$defs/unused/minLength",
            ])
        #expect(Set(found.map(\.code)) == [.badKeyword, .unresolvedReference, .badPattern])
    }

    @Test(arguments: [
        (#"{"type": "int"}"#, #"must be one of "null", "boolean", "number", "integer", "string", "array", "object""#),
        (#"{"maximum": "5"}"#, #"must be a number, got string "5""#),
        (#"{"multipleOf": 0}"#, "must be more than 0, got integer 0"),
        (#"{"maxItems": 1.5}"#, "must be an integer of at least 0, got number 1.5"),
        (#"{"allOf": []}"#, "must hold at least one schema"),
        (#"{"enum": "a"}"#, #"must be an array, got string "a""#),
        (#"{"$ref": "other.json"}"#, #"no schema has the URI "other.json""#),
        (#"{"$anchor": "1x"}"#, "must be a letter or _"),
        (#"{"$defs": {"a": {"$anchor": "x"}, "b": {"$anchor": "x"}}}"#, #"the anchor "x" is given twice"#),
        (#"{"$id": "https://e.com/#a"}"#, "must not have a fragment"),
        (#"{"$schema": "http://json-schema.org/draft-04/schema#"}"#, "draft/2020-12"),
    ])
    func `says what a keyword must be`(_ schema: String, _ words: String) throws {
        let found = try problems(schema)
        #expect(found.count == 1)
        #expect(found.first?.message.contains(words) == true, "\(found)")
    }

    @Test(arguments: ["(?=a)", "(?!a)b", "(?<=a)b", "(a)\\\\1", "(?<n>a)\\\\k<n>"])
    func `refuses patterns that cannot be matched in linear time and names them`(_ pattern: String) throws {
        let found = try problems(#"{"patternProperties": {"\#(pattern)": true}}"#)
        #expect(found.map(\.code) == [.badPattern])
        #expect(found[0].message.contains("linear time"))
        #expect(found[0].message.contains("\"" + pattern.replacing("\\\\", with: "\\") + "\""))
    }

    @Test(arguments: [
        ##"{"$ref": "#"}"##,
        #"""
        {"$ref": "#/$defs/a", "$defs": {
            "a": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}}
        """#,
        ##"{"not": {"$ref": "#"}}"##,
        ##"{"if": {"allOf": [{"$ref": "#"}]}}"##,
    ])
    func `refuses references that never go into the instance`(_ schema: String) throws {
        #expect(Set(try problems(schema).map(\.code)) == [.endlessReference])
    }

    @Test func `allows references that recur in members and items`() throws {
        let tree = ##"{"type": "object", "properties": {"children": {"items": {"$ref": "#"}}}}"##
        #expect(
            try violations(tree, #"{"children": [{"children": [5]}]}"#)
                == ["/children/0/children/0: expected object, got integer 5"])
    }

    @Test func `refuses a schema nested deeper than the limit`() throws {
        var schema = Value.bool(true)
        for _ in 0..<5_000 { schema = .map(Value.Map([(.string("not"), schema)])) }
        do {
            _ = try JSONSchema(compiling: schema)
            Issue.record("compiled")
        } catch {
            #expect(error.problems.contains { $0.code == .tooDeep })
        }
    }
}
