import Testing

@testable import PatchbayConfiguration

/// The compiler of these tests dislikes one character.
@Suite struct ExpressionPlaceTests {
    private static let check: ExpressionCheck = { text, _ in
        text.firstIndex(of: "!").map {
            .init(message: "no", offset: text.unicodeScalars.distance(from: text.startIndex, to: $0))
        }
    }

    @Test(arguments: [
        ("match: a !b", "1:10"), ("match: 'a !b'", "1:11"), ("match: 'it''s !b'", "1:15"),
        (#"match: "a\n\u00e9\x41 !b""#, "1:23"), ("match: \"a\\\"b !\"", "1:14"), ("match: é😀!", "1:10"),
        ("match:\n      event.a >\n        !b", "3:9"), ("match: |\n      a\n      b !c", "3:9"),
        ("match: |\n      a\n        b !c", "3:11"), ("match: |2-\n    a\n    !", "3:5"),
        ("match: >-\n      aa\n      bb !c", "3:10"), ("match: >\n\n      aa !c", "3:10"),
        ("match: 'a\n      !b'", "2:7"),
        ("match: !!str a!b", "1:8"), ("match: \"a${X} !b\"", "1:8"), ("match: &anchor a !", "1:8"),
    ])
    func `points at the column inside the scalar`(text: String, place: String) {
        let yaml = "routes:\n- to: [{handler: a.b}]\n  name: a\n  " + text
        let found = draft(yaml, environment: ["X": "y"], check: Self.check).errors
        #expect(found.map(\.code) == [.expression])
        let (line, column) = (found.first?.location.line ?? 0, found.first?.location.column ?? 0)
        // Lines count from `match`; the first one is indented by two.
        #expect("\(line - 3):\(line == 4 ? column - 2 : column)" == place)
    }

    @Test func `every CEL text of the file is compiled, as what it is for`() {
        let yaml = """
            policies:
              circuitBreakers: {default: {trip: "!1"}}
              rateLimits: {default: {count: 1, key: "!2"}}
            routes:
              - {name: a, to: [{handler: a.b}], match: "!3", filters: [{not: {any: [{cel: "!4"}]}}], ordering: {key: "!5"}}
            """
        #expect(
            errors(yaml, check: Self.check) == [
                "2:38 expression policies.circuitBreakers.default.trip: trip condition: no",
                "3:42 expression policies.rateLimits.default.key: key: no",
                "5:45 expression routes[0].match: condition: no",
                "5:80 expression routes[0].filters[0].not.any[0].cel: condition: no",
                "5:107 expression routes[0].ordering.key: key: no",
            ])
    }
}
