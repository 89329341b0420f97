import HandlerKit
import PatchbaySDK
import Testing

@Suite struct TemplateTests {
    private let event: JSON = [
        "id": "7", "partitionkey": "ada",
        "data": [
            "n": 3, "price": 33.5, "ok": true, "none": nil, "lines": [["sku": "MUG"], ["sku": "TEA"]], "html": "<b>",
        ],
    ]

    @Test(arguments: [
        ("id", "7"), ("partitionkey", "ada"), ("data.n", "3"), ("data.price", "33.5"), ("data.ok", "true"),
        ("data.lines[1].sku", "TEA"),
    ]) func `finds a value by its path`(path: String, text: String) throws {
        #expect(try FieldPath(path).text(in: event) == text)
    }

    @Test(arguments: ["data.none", "data.lines", "data", "data.lines[2].sku", "data.n.m", "missing", "id[0]"])
    func `has no text where there is none`(path: String) throws {
        #expect(try FieldPath(path).text(in: event) == nil)
    }

    @Test(arguments: ["", "a..b", ".a", "a.", "a[x]", "a[-1]", "a[1", "[0]", "a]"])
    func `refuses a path that cannot be read`(path: String) {
        #expect(throws: PatternError.self) { try FieldPath(path) }
    }

    @Test func `fills places and escapes what comes from the event`() throws {
        let template = try Template("{{ data.lines[0].sku }} <i>{{data.html}}</i>{{data.none?}}{{ data.none ? }}!")
        let filled = try template.fill(from: event) { $0.replacing("<", with: "&lt;") }
        #expect(filled == "MUG <i>&lt;b></i>!")
    }

    @Test func `takes the first of several values that is there`() throws {
        #expect(try Template("{{data.gone | data.n|id}}").fill(from: event) == "3")
        #expect(try Template("[{{data.gone | data.none?}}]").fill(from: event) == "[]")
        #expect(throws: Refusal.self) { try Template("{{data.gone|data.none}}").fill(from: event) }
        #expect(throws: PatternError.self) { try Template("{{data.n|}}") }
    }

    @Test func `does not fill a template from the values it fills in`() throws {
        let filled = try Template("{{a}}{{b}}").fill(from: ["a": "{{b}}", "b": "x"])
        #expect(filled == "{{b}}x")
    }

    @Test func `rejects an event that lacks a required value, and names it`() throws {
        let template = try Template("{{data.gone}}")
        #expect(throws: Refusal.self) { try template.fill(from: event) }
        #expect(throws: PatternError.self) { try Template("{{data.n") }
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-03-02T09:00:01Z", 1_772_442_001),
        ("2026-03-02T10:00:01.123456789+01:00", 1_772_442_001), ("2024-02-29T23:59:59-00:30", 1_709_252_999),
        ("2000-03-01T00:00:00z", 951_868_800),
    ]) func `reads a moment`(text: String, seconds: UInt64) {
        #expect(UnixTime.parse(text) == seconds * 1_000_000_000)
    }

    @Test func `writes a moment for events and for mail`() {
        #expect(UnixTime.text(1_772_442_001_999_000_000) == "2026-03-02T09:00:01Z")
        #expect(UnixTime.mailDate(1_709_252_999_000_000_000) == "Fri, 01 Mar 2024 00:29:59 +0000")
    }

    @Test(arguments: [
        "", "2026-03-02", "2026-13-02T00:00:00Z", "2026-03-02T00:00:00", "2026-03-02T00:00:00Zx",
        "1969-12-31T23:59:59Z",
    ])
    func `reads no moment out of anything else`(text: String) {
        #expect(UnixTime.parse(text) == nil)
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ])
    func `encodes base 64 as RFC 4648 has it`(text: String, encoded: String) {
        #expect(Base64.encoded(text.utf8) == encoded)
    }
}
