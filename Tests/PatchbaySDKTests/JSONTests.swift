import PatchbaySDK
import Testing

@Suite struct JSONTests {
    @Test(arguments: [
        (#" {"b": [1, -2.5e3, true, null], "a": "x"} "#, #"{"a":"x","b":[1,-2500.0,true,null]}"#),
        (#""\u00e9\ud83d\ude00\n\"""#, "\"é😀\\n\\\"\""), (#""\ud800x""#, "\"\u{FFFD}x\""), ("-0", "0"),
        ("9223372036854775807", "9223372036854775807"), ("9223372036854775808", "9.223372036854776e+18"),
        (#"{"a":1,"a":2}"#, #"{"a":2}"#), ("[]", "[]"), ("{}", "{}"),
    ])
    func `reads a text and writes it compactly`(text: String, written: String) throws {
        #expect(try JSON(parsing: text).description == written)
        #expect(try JSON(parsing: written).description == written)
    }

    @Test(arguments: [
        ("", 0), ("nul", 3), ("[1,]", 3), ("[1 2]", 3), (#"{"a" 1}"#, 5), (#"{a:1}"#, 1), ("01", 1), ("1.", 2),
        ("-", 1),
        ("\"a", 2), ("\"\\x\"", 2), ("\"\\u12g4\"", 5), ("\"\n\"", 1), ("1 1", 2), ("+1", 0),
    ])
    func `names the byte where a text is not JSON`(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSON(parsing: text) }
        #expect(error?.code == .syntax)
        #expect(error?.offset == offset)
    }

    @Test func `refuses text nested deeper than 128 levels`() throws {
        _ = try JSON(parsing: String(repeating: "[", count: 128) + String(repeating: "]", count: 128))
        let error = #expect(throws: JSONError.self) { try JSON(parsing: String(repeating: "[", count: 100_000)) }
        #expect(error?.code == .depth)
    }

    struct Shape: Decodable, Equatable {
        enum Kind: String, Decodable { case small, large }
        struct Part: Decodable, Equatable { var price: Double }
        var kind: Kind
        var parts: [Part]
        var note: String?
        var tags: [String: UInt8]
        var open: JSON
    }

    @Test func `decodes nested types, optionals, enumerations and open values`() throws {
        let json: JSON = [
            "kind": "large", "parts": [["price": 1], ["price": 2.5]], "note": nil, "tags": ["a": 255],
            "open": [1, "x"],
        ]
        #expect(
            try json.decode()
                == Shape(
                    kind: .large, parts: [.init(price: 1), .init(price: 2.5)], note: nil, tags: ["a": 255],
                    open: [1, "x"]))
    }

    @Test func `names the path of what does not fit`() {
        let small: JSON = ["kind": "small", "parts": [["price": 1], ["price": "x"]], "tags": [:], "open": nil]
        #expect(throws: JSONError(code: .type, message: "expected a number, found a string", path: "parts[1].price")) {
            try small.decode(Shape.self)
        }
        #expect(
            throws: JSONError(code: .type, message: "expected an integer from 0 to 255, found an integer", path: "[0]")
        ) {
            try JSON.array([256]).decode([UInt8].self)
        }
        let unknown = #expect(throws: JSONError.self) { try (["kind": "huge"] as JSON).decode(Shape.self) }
        #expect(unknown?.code == .value && unknown?.path == "kind")
    }
}
