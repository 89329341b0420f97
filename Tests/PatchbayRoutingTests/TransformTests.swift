import CPatchbayJSON
import PatchbayEvents
import PatchbayExpressions
import PatchbayRouting
import Testing

/// The event that steps make of another, as JSON; state is what the handler has stored.
private func transform(
    _ json: String, state: [String: String] = [:], _ steps: (ExpressionEnvironment) throws -> [TransformStep]
) throws -> String {
    let plan = FieldPlan()
    let steps = try steps(ExpressionEnvironment(eventPlan: plan))
    let transform = Transform(steps, plan: plan, limits: pbj_limits(event_bytes: 1 << 20, nesting: 64))
    let batch = try transform.apply(to: Array(json.utf8)) { state[$0].map { Array($0.utf8) } }
    defer { transform.recycle(batch) }
    let text = BatchView(batch).json(of: 0, adding: [])
    return String(decoding: text, as: UTF8.self)
}

private func path(_ text: String) throws -> TransformPath { try #require(TransformPath(text)) }

private func assignments(
    _ entries: [(String, String)], _ environment: ExpressionEnvironment
) throws -> TransformStep {
    .set(try entries.map { (try path($0.0), try Expression($0.1, in: environment)) })
}

@Suite struct TransformTests {
    private static let head = #""specversion":"1.0","id":"1","source":"/s","type":"com.acme.paid""#
    private static func event(_ more: String) -> String { "{\(head)\(more.isEmpty ? "" : "," + more)}" }

    @Test(arguments: [
        // Places are made as they are needed, and what is not named keeps its bytes.
        (
            "data.total", "event.data.net * 2", #""data":{"net":3,"exact":0.10000000000000000555}"#,
            #""data":{"net":3,"exact":0.10000000000000000555,"total":6}"#
        ),
        (
            "data.a.b", "'x'", #""data":{"big":123456789012345678901234567890}"#,
            #""data":{"big":123456789012345678901234567890,"a":{"b":"x"}}"#
        ),
        ("data['a b']", "[1, {'k': null}]", #""data":{"a b":1}"#, #""data":{"a b":[1,{"k":null}]}"#),
        ("data.a", "event.data.a + 0.5", #""data":{"a":1,"b":2,"a":2}"#, #""data":{"b":2,"a":2.5}"#),
        ("data", "{'kept': event.data.x}", #""data":{"x":1,"y":2}"#, #""data":{"kept":1}"#),
        ("data.x", "event.type", "", #""data":{"x":"com.acme.paid"}"#),
        ("subject", "'eu/' + event.data.r", #""data":{"r":"1"}"#, #""data":{"r":"1"},"subject":"eu/1""#),
        ("subject", "null", #""subject":"a","tenant":"t""#, #""tenant":"t""#),
        ("tenant", "optional.none()", #""subject":"a","tenant":"t""#, #""subject":"a""#),
        ("level", "event.level + 1", #""level":4,"vip":true"#, #""level":5,"vip":true"#),
        ("data.gone", "optional.none()", #""data":{"gone":1,"b":2}"#, #""data":{"b":2}"#),
        (
            "data", "[1]", #""datacontenttype":"text/plain","data":"hello""#,
            #""datacontenttype":"application/json","data":[1]"#
        ),
        ("data", "'b'", #""data_base64":"AQI=""#, #""data":"b""#),
    ])
    func `set gives a place a value`(place: String, value: String, before: String, after: String) throws {
        let result = try transform(Self.event(before)) { [try assignments([(place, value)], $0)] }
        #expect(result == Self.event(after))
    }

    @Test func `expressions of one step see the same event, those of the next what came of it`() throws {
        let result = try transform(Self.event(#""data":{"a":1,"b":2}"#)) {
            [
                try assignments([("data.a", "event.data.b"), ("data.b", "event.data.a")], $0),
                try assignments([("data.a", "event.data.a * 10 + event.data.b")], $0),
            ]
        }
        #expect(result == Self.event(#""data":{"a":21,"b":1}"#))
    }

    @Test(arguments: [
        ("data.a", #""data":{"a":1,"b":{"a":2},"a":3}"#, #""data":{"b":{"a":2}}"#),
        ("data.b.a", #""data":{"b":{"\u0061":2,"c":3}}"#, #""data":{"b":{"c":3}}"#),
        (
            "data.items[*].price", #""data":{"items":[{"price":1,"n":1},{"n":2},3]}"#,
            #""data":{"items":[{"n":1},{"n":2},3]}"#
        ),
        ("data.items[*]", #""data":{"items":[1,2]}"#, #""data":{"items":[]}"#),
        ("data", #""data":{"a":1},"subject":"s""#, #""subject":"s""#),
        ("data.missing.too", #""data":{ "a" : 1 }"#, #""data":{ "a" : 1 }"#),
        ("subject", #""subject":"s""#, ""),
    ])
    func `unset takes away what is there`(place: String, before: String, after: String) throws {
        let result = try transform(Self.event(before)) { _ in [.unset([try path(place)])] }
        #expect(result == Self.event(after))
    }

    @Test(arguments: [
        (
            "data.card.number", #""data":{"card":{"number":"4111","name":"x"}}"#,
            #""data":{"card":{"number":"[redacted]","name":"x"}}"#
        ),
        // However a name is written, and however often it is there.
        (
            "data.pin", #""data":{"\u0070in":1,"a":"\"pin\":2","pin":[{"pin":3}]}"#,
            #""data":{"pin":"[redacted]","a":"\"pin\":2","pin":"[redacted]"}"#
        ),
        (
            "data[*].mail", #""data":[{"mail":"a@b"},{"mail":null},{}]"#,
            #""data":[{"mail":"[redacted]"},{"mail":"[redacted]"},{}]"#
        ),
        ("data", #""data_base64":"AQI=""#, #""data":"[redacted]""#),
        ("subject", #""subject":"s""#, #""subject":"[redacted]""#),
        ("data.none", #""data":{"a":1}"#, #""data":{"a":1}"#), ("subject", "", ""),
    ])
    func `redact hides what is there`(place: String, before: String, after: String) throws {
        let result = try transform(Self.event(before)) { _ in [.redact([try path(place)])] }
        #expect(result == Self.event(after))
    }

    @Test(arguments: [
        (
            "data.old", "data.new.name", #""data":{"old":{"exact":1.10},"b":1}"#,
            #""data":{"b":1,"new":{"name":{"exact":1.10}}}"#
        ),
        ("subject", "data.subject", #""subject":"s""#, #""data":{"subject":"s"}"#),
        ("data.tenant", "tenant", #""data":{"tenant":"t"}"#, #""data":{},"tenant":"t""#),
        ("data.none", "data.new", #""data":{"new":1}"#, #""data":{"new":1}"#),
        ("data.a", "data.b", #""data":{"a":1,"b":2}"#, #""data":{"b":1}"#),
    ])
    func `rename moves a value`(from: String, to: String, before: String, after: String) throws {
        let result = try transform(Self.event(before)) { _ in [.rename([(try path(from), try path(to))])] }
        #expect(result == Self.event(after))
    }

    @Test func `map makes new data of the old`() throws {
        let result = try transform(Self.event(#""data":{"items":[{"n":2,"p":1.5},{"n":1,"p":4}]}"#)) {
            [.map(try Expression("{'total': event.data.items.map(i, double(i.n) * double(i.p))}", in: $0))]
        }
        #expect(result == Self.event(#""data":{"total":[3.0,4.0]}"#))
    }

    @Test func `enrich takes values from attributes and from state, or a default`() throws {
        let result = try transform(
            Self.event(#""tenant":"t1","data":{"id":"7"}"#),
            state: ["customer/7": #"{"tier":"gold"}"#, "note": "plain text"]
        ) { environment in
            let customer = try Expression("'customer/' + event.data.id", in: environment)
            let note = try Expression("'note'", in: environment)
            let nothing = try Expression("'nothing'", in: environment)
            return [
                .enrich([
                    TransformEnrichment(path: try path("data.tenant"), source: .header("tenant")),
                    TransformEnrichment(path: try path("data.customer"), source: .state(key: customer)),
                    TransformEnrichment(path: try path("data.note"), source: .state(key: note)),
                    TransformEnrichment(path: try path("data.left"), source: .header("region")),
                    TransformEnrichment(
                        path: try path("data.region"), source: .header("region"),
                        fallback: try Expression("event.data.tenant + '/eu'", in: environment)),
                    TransformEnrichment(path: try path("data.gone"), source: .state(key: nothing)),
                ])
            ]
        }
        let data = #""data":{"id":"7","tenant":"t1","customer":{"tier":"gold"},"note":"plain text","region":"t1/eu"}"#
        #expect(result == Self.event(#""tenant":"t1","# + data))
    }

    @Test(arguments: [
        ("data.a.b", "1", #""data":{"a":"text"}"#, "transform[0].set.data.a.b: data.a is a text, not an object"),
        ("data.a", "1", #""data":[1]"#, "transform[0].set.data.a: data is a list, not an object"),
        ("data.a", "event.data.none", #""data":{}"#, "transform[0].set.data.a: there is no event.data.none"),
        ("subject", "[1]", "", "transform[0].set.subject: an attribute is a text, a number or a boolean"),
        (
            "data.a", "1", #""datacontenttype":"text/plain","data":"x""#,
            "transform[0].set.data.a: the event's data is not JSON"
        ),
        ("data.a", "1", #""data_base64":"AQI=""#, "transform[0].set.data.a: the event's data is not JSON"),
        ("time", "'yesterday'", "", "transform: its result is no event: "),
        ("type", "''", "", "transform: its result is no event: "),
        ("tenant", "1.5", "", "transform: its result is no event: "),
    ])
    func `names the step that cannot be done`(place: String, value: String, before: String, error: String) throws {
        let found = try #require(throws: TransformError.self) {
            _ = try transform(Self.event(before)) { [try assignments([(place, value)], $0)] }
        }
        #expect("\(found)".hasPrefix(error), "\(found)")
    }

    @Test func `refuses to hide what lies in data that it cannot look into`() throws {
        #expect(throws: TransformError.self) {
            _ = try transform(Self.event(#""data_base64":"AQI=""#)) { _ in [.redact([try path("data.card")])] }
        }
    }

    @Test func `a result over the limits is an error`() throws {
        let plan = FieldPlan()
        let environment = ExpressionEnvironment(eventPlan: plan)
        let step = try assignments([("data", "[event.data, event.data, event.data]")], environment)
        let transform = Transform([step], plan: plan, limits: pbj_limits(event_bytes: 200, nesting: 64))
        let json = Self.event(#""data":"\#(String(repeating: "x", count: 60))""#)
        let error = try #require(throws: TransformError.self) { try transform.apply(to: Array(json.utf8)) { _ in nil } }
        #expect(error.place == "transform")
    }

    @Test(arguments: [
        ("id", TransformPath.Use.write), ("source", .remove), ("specversion", .move), ("type", .remove),
        ("type", .move),
        ("time", .hide), ("data[*].a", .write), ("data[*]", .move), ("", .write), ("data.", .write),
        ("data[0]", .remove),
        ("subject.a", .write), ("Subject", .write), ("data..a", .hide), ("data['a", .hide), ("data[*", .hide),
    ])
    func `refuses places that cannot be changed`(place: String, use: TransformPath.Use) {
        #expect(TransformPath.problem(of: place, for: use) != nil)
    }

    @Test(arguments: [
        ("type", TransformPath.Use.write), ("data", .write), ("data", .remove), ("data[*].a", .hide), ("tenant", .move),
        ("data[\"it's\"].é", .write),
    ])
    func `takes places that can`(place: String, use: TransformPath.Use) {
        #expect(TransformPath.problem(of: place, for: use) == nil)
    }
}
