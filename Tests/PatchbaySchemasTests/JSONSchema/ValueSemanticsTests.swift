import PatchbayEvents
import PatchbaySchemas
import Testing

@Suite struct ValueSemanticsTests {
    @Test(arguments: [
        (#"{"type": "integer"}"#, Value.double(1), true),
        (#"{"type": "integer"}"#, .double(1.5), false),
        (#"{"type": "integer"}"#, .double(1e300), true),
        (#"{"type": "number"}"#, .int(1), true),
        (#"{"type": "integer"}"#, .uint(.max), true),
        (#"{"type": "integer"}"#, .bool(true), false),
        (#"{"const": 1}"#, .double(1), true),
        (#"{"const": 1}"#, .bool(true), false),
        (#"{"enum": [[0]]}"#, .list([.bool(false)]), false),
        (#"{"uniqueItems": true}"#, .list([.int(1), .double(1)]), false),
        (#"{"uniqueItems": true}"#, .list([.int(1), .bool(true)]), true),
        (#"{"maximum": 9007199254740992}"#, .int(9_007_199_254_740_993), false),
        (#"{"const": 18446744073709551615}"#, .uint(.max), true),
        (#"{"minimum": 18446744073709551615}"#, .uint(.max - 1), false),
        (#"{"multipleOf": 0.01}"#, .double(19.99), true),
        (#"{"multipleOf": 0.01}"#, .double(19.995), false),
        (#"{"multipleOf": 0.1}"#, .int(3), true),
        (#"{"multipleOf": 3}"#, .uint(.max), true),
        (#"{"multipleOf": 7}"#, .uint(.max), false),
        (#"{"multipleOf": 1e-8}"#, .int(12_391_239_123), true),
        (#"{"multipleOf": 7}"#, .double(1e300), false),
        (#"{"multipleOf": 5}"#, .int(.min), false),
        (#"{"multipleOf": 2}"#, .int(.min), true),
        (#"{"minimum": 0}"#, .string("-1"), true),
    ])
    func `compares numbers by value without rounding`(_ schema: String, _ value: Value, _ isValid: Bool) throws {
        #expect(try JSONSchema(compiling: json(schema)).isValid(value) == isValid)
    }

    @Test func `counts code points and keeps equivalent spellings apart`() throws {
        let (composed, decomposed) = ("\u{E9}", "e\u{301}")
        let length = try JSONSchema(compiling: json(#"{"maxLength": 1}"#))
        #expect(length.isValid(.string(composed)))
        #expect(!length.isValid(.string(decomposed)))
        #expect(length.isValid(.string("🐲")))
        #expect(!length.isValid(.string("👨‍👩‍👧")))

        let names = Value.map(
            Value.Map([
                (.string("properties"), .map(Value.Map([(.string(composed), .bool(true))]))),
                (.string("additionalProperties"), .bool(false)),
            ]))
        let members = try JSONSchema(compiling: names)
        #expect(members.isValid(.map(Value.Map([(.string(composed), .null)]))))
        #expect(!members.isValid(.map(Value.Map([(.string(decomposed), .null)]))))
    }

    @Test(arguments: [
        ("^\\s$", "\u{FEFF}", true), ("^[\\s]$", "\u{2003}", true), ("^\\S$", "\u{A0}", false),
        ("^[\\S]$", "x", true), ("^[^\\s]$", "\u{2029}", false), ("^abc$", "abc\n", false), ("^.$", "\r", false),
        ("^\\cC$", "\u{3}", true), ("^\\u0041$", "A", true), ("^\\uD83D\\uDC32$", "🐲", true),
        ("^\\u{1F432}+$", "🐲🐲", true), ("^\\p{Letter}$", "é", true), ("^\\p{Lu}$", "a", false),
        ("^\\p{gc=Decimal_Number}$", "4", true), ("^(?<year>\\d{4})$", "2026", true), ("^\\d$", "৪", false),
        ("[]", "a", false), ("^[^]$", "\n", true), ("^[[a]$", "[", true), ("^[\\b]$", "\u{8}", true),
        ("^a\\/b$", "a/b", true), ("b", "abc", true),
    ])
    func `matches patterns as ECMA-262 does`(_ pattern: String, _ text: String, _ matches: Bool) throws {
        let schema = Value.map(Value.Map([(.string("pattern"), .string(pattern))]))
        #expect(try JSONSchema(compiling: schema).isValid(.string(text)) == matches)
    }
}
