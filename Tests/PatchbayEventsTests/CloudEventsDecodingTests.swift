import CPatchbayJSON
import PatchbayEvents
import Testing

@Suite struct CloudEventsDecodingTests {
    @Test func `reads every attribute of an event`() throws {
        let text = """
            { "specversion" : "1.0", "type" : "com.example.someevent", "source" : "/mycontext", "subject" : "a/b", \
            "id" : "A234", "time" : "2018-04-05T17:31:00Z", "exta" : "value", "extb" : 5, "extc" : false, \
            "extd" : -0, "exte" : -2147483648, "extf" : "", "unset" : null, "dataschema" : "https://example.com/s", \
            "datacontenttype" : "application/xml", "data" : "<much wow=\\"xml\\"/>" }
            """
        let found = try LineDecoder().line(text)
        #expect(found.message == "")
        #expect(
            found.event
                == Event(
                    id: "A234", source: "/mycontext", type: "com.example.someevent", subject: "a/b",
                    time: "2018-04-05T17:31:00Z", datacontenttype: "application/xml",
                    dataschema: "https://example.com/s",
                    extensions: [
                        .init("exta", "value"), .init("extb", "5"), .init("extc", "false"), .init("extd", "0"),
                        .init("exte", "-2147483648"), .init("extf", ""),
                    ], data: Array("<much wow=\"xml\"/>".utf8), dataIsJSON: false))
        #expect(found.text == text)
    }

    @Test(
        arguments: [
            ("\"data\":{\"a\" : [1, 2]}", "{\"a\" : [1, 2]}", true),
            ("\"data\" : \"I'm just a string\" ", "\"I'm just a string\"", true),
            ("\"data\": 12.50 ", "12.50", true),
            ("\"data\":true", "true", true),
            ("\"data\":null", "null", true),
            ("\"data\":\"\"", "\"\"", true),
            ("\"data\":{},\"datacontenttype\":\"Application/JSON; charset=utf-8\"", "{}", true),
            ("\"datacontenttype\":\"application/vnd.acme+json\",\"data\":\"a\\nb\"", "\"a\\nb\"", true),
            ("\"data\":\"a\\nb\",\"datacontenttype\":\"text/plain\"", "a\nb", false),
            ("\"data\":\"\",\"datacontenttype\":\"text/plain\"", "", false),
            ("\"datacontenttype\":\"text/jsonx\",\"data\":\"{}\"", "{}", false),
            ("\"data_base64\":\"TWE=\"", "Ma", false),
            ("\"data_base64\":\"T\\u0057E=\"", "Ma", false),
            ("\"data_base64\":\"\"", "", false),
            ("\"data_base64\":\"Pz8\\/Pw==\",\"data\":null", "????", false),
            ("\"data_base64\":\"eyJhIjoxfQ==\",\"datacontenttype\":\"application/json\"", "{\"a\":1}", true),
            ("\"data_base64\":\"e30=e30=\",\"data\":null", nil, false),
            ("\"data_base64\":\"ew==\",\"datacontenttype\":\"application/json\"", "{", false),
        ] as [(String, String?, Bool)])
    func `gives data as the content type says`(members: String, data: String?, isJSON: Bool) throws {
        for paths in [[], [["data"], ["data", "a"]]] {
            let found = try LineDecoder(paths: paths).line(line(members))
            #expect(found.event.data.map { String(decoding: $0, as: UTF8.self) } == data)
            #expect(found.isAccepted == (data != nil))
            #expect(!found.isAccepted || found.event.dataIsJSON == isJSON)
        }
    }

    @Test func `tells absent data from empty data`() throws {
        let decoder = LineDecoder()
        #expect(try decoder.line(line()).event.data == nil)
        #expect(try decoder.line(line("\"data_base64\":null")).event.data == nil)
        #expect(try decoder.line(line("\"datacontenttype\":\"text/plain\",\"data\":null")).event.data == nil)
        #expect(try decoder.line(line("\"data_base64\":\"\"")).event.data == [])
    }

    @Test func `fills the slots of a plan and leaves the others absent`() throws {
        let decoder = LineDecoder(paths: [
            ["type"], ["ext"], ["data"], ["data", "a"], ["data", "a", "b"], ["data", "n"], ["subject"], ["type", "x"],
        ])
        let data =
            "{\"x\":[{\"a\":1}],\"a\":{\"c\":{\"b\":0},\"b\":\"\\u00e9\\ud83d\\ude00\"},\"n\":18446744073709551615}"
        let full = try decoder.line(line("\"ext\":7,\"data\":\(data)"))
        #expect(full.slots[0...1] == [.string("t"), .int(7)])
        #expect(full.slots[4...] == [.string("é😀"), .uint(.max), nil, nil])
        guard case .map(let a)? = full.slots[3] else { throw HarnessError.recordCount(0) }
        #expect(a["c"] == .map(.init([(key: .string("b"), value: .int(0))])))
        #expect(a["b"] == .string("é😀"))

        let bare = try decoder.line(line("\"subject\":\"s\",\"ext\":true,\"data\":[1]"))
        #expect(bare.slots == [.string("t"), .bool(true), .list([.int(1)]), nil, nil, nil, .string("s"), nil])
        let text = try decoder.line(line("\"datacontenttype\":\"text/plain\",\"data\":\"x\\ty\",\"ext\":\"e\""))
        #expect(text.slots == [.string("t"), .string("e"), .string("x\ty"), nil, nil, nil, nil, nil])
        let encoded = "\"datacontenttype\":\"application/json\",\"data_base64\":\"eyJuIjotMX0=\""
        #expect(try decoder.line(line(encoded)).slots[5] == .int(-1))
    }

    @Test func `counts the last of a key given twice`() throws {
        let decoder = LineDecoder(paths: [["data", "a"], ["data", "a", "b"]])
        let twice = try decoder.line(line("\"data\":{\"a\":{\"b\":1},\"\\u0061\":{\"c\":2}}"))
        #expect(twice.slots == [.map(.init([(key: .string("c"), value: .int(2))])), nil])
        #expect(try decoder.line(line("\"data\":{\"a\":1,\"a\":{\"b\":null}}")).slots[1] == .null)
    }

    @Test(
        arguments: [
            ("0", .int(0)), ("-0", .int(0)), ("9223372036854775807", .int(.max)), ("-9223372036854775808", .int(.min)),
            ("9223372036854775808", .uint(1 << 63)), ("18446744073709551616", .double(18_446_744_073_709_551_616)),
            ("-9223372036854775809", .double(-9_223_372_036_854_775_808)), ("1.0", .double(1)), ("1e0", .double(1)),
            ("-0.0", .double(-0.0)), ("1403.09", .double(1403.09)), ("0.1", .double(0.1)),
            ("123456789012345.6", .double(123_456_789_012_345.6)), ("5e-324", .double(.leastNonzeroMagnitude)),
            ("1.7976931348623157e308", .double(.greatestFiniteMagnitude)), ("1e400", .double(.infinity)),
            ("-1E+400", .double(-.infinity)), ("1e-400", .double(0)), ("0.000000000000000000001", .double(1e-21)),
            ("2.2250738585072011e-308", .double(.leastNormalMagnitude.nextDown)),
            ("9007199254740993.0", .double(9_007_199_254_740_992)), ("0e999999999999999999999", .double(0)),
        ] as [(String, Value)])
    func `reads numbers exactly`(text: String, value: Value) throws {
        let found = try LineDecoder(paths: [["data", "n"]]).line(line("\"data\":{\"n\":\(text)}"))
        #expect(found.slots == [value])
        #expect(found.slots[0]?.typeName == value.typeName)
    }

    @Test func `reads seeded doubles as Swift reads them`() throws {
        var random = SeededRandom(state: 7)
        var numbers: [Double] = []
        for round in 0..<20_000 {
            let cents = Double(Int.random(in: -99_999_999...99_999_999, using: &random)) / 100
            numbers.append(round % 2 == 0 ? cents : Double(bitPattern: random.next()))
        }
        numbers.removeAll { !$0.isFinite || $0.description.hasSuffix(".0") }
        let text = numbers.map { line("\"data\":{\"n\":\($0)}") + "\n" }.joined()
        let found = try LineDecoder(paths: [["data", "n"]]).decode(text)
        #expect(found.map { $0.slots[0] } == numbers.map { .double($0) })
    }

    @Test func `unescapes attributes`() throws {
        let found = try LineDecoder().line(
            line(
                "\"subject\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\u00e9\\u20AC\\ud83d\\ude00\",\"e\\u0078t\":\"\\u0031\""
            ))
        #expect(found.event.subject == "\"\\/\u{8}\u{C}\n\r\t\0é€😀")
        #expect(found.event.extensions == [.init("ext", "1")])
    }

    @Test func `skips blank lines, takes CRLF and a last line without an end`() throws {
        let text =
            "\r\n\n \t\n" + line() + "\r\n\n" + " " + line("\"subject\":\"2\"") + " \n\r\n" + line("\"subject\":\"3\"")
        let found = try LineDecoder().decode(text)
        #expect(found.map(\.message) == ["", "", ""])
        #expect(found.map(\.record.line_index) == [3, 5, 7])
        #expect(found.map(\.event.subject) == [nil, "2", "3"])
        #expect(try LineDecoder().decode("").isEmpty)
        #expect(try LineDecoder().decode("\n\r\n").isEmpty)
    }

    @Test func `goes on after refused lines`() throws {
        let lines = [line(), "{\"a\":\"open", line("\"subject\":\"s\""), "\"", "}", line("\"id\":1"), line()]
        for capacity in 1...8 as ClosedRange<UInt32> {
            let text = Array(lines.joined(separator: "\n").utf8)
            let found = try LineDecoder(paths: [["subject"]]).decode(text, capacity: capacity)
            #expect(found.map(\.isAccepted) == [true, false, true, false, false, false, true])
            #expect(found.map(\.record.line_index) == [0, 1, 2, 3, 4, 5, 6])
            #expect(found.map { $0.slots[0] } == [nil, nil, .string("s"), nil, nil, nil, nil])
        }
    }

    @Test func `refuses lines over the limit and takes those at it`() throws {
        let text = line("\"data\":\"\(String(repeating: "x", count: 400))\"")
        let limit = UInt32(text.utf8.count)
        #expect(try LineDecoder(eventBytes: limit).line(text).message == "")
        let refused = try LineDecoder(eventBytes: limit - 1).decode(text + "\n" + line())
        #expect(refused.map(\.message) == ["longer than \(limit - 1) bytes", ""])
    }

    @Test func `counts nesting from the event's own object`() throws {
        func nested(_ depth: Int, _ open: String, _ close: String) -> String {
            line("\"data\":" + String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth))
        }
        for paths in [[], [["data", "k"], ["data", "k", "k", "k"]]] {
            let decoder = LineDecoder(paths: paths, nesting: 8)
            for (open, close) in [("[", "]"), ("{\"k\":", "}")] {
                #expect(try decoder.line(nested(7, open, close)).message == "")
                let offset = 62 + 7 * open.utf8.count
                #expect(try decoder.line(nested(8, open, close)).message == "nested too deep at byte \(offset)")
                #expect(try decoder.line(nested(100_000, open, close)).message == "nested too deep at byte \(offset)")
            }
        }
        let deep = LineDecoder(paths: [["data", "k"]], nesting: 200_000)
        #expect(try deep.line(line("\"data\":" + String(repeating: "[", count: 100_000))).isAccepted == false)
        let closed = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        #expect(try deep.line(line("\"data\":\(closed)")).message == "")
    }

    @Test func `takes events with many extensions and finds a name given twice among them`() throws {
        let names = (0..<100).map { "ext\($0)" }
        let members = names.map { "\"\($0)\":\"v\($0)\"" }.joined(separator: ",")
        let decoder = LineDecoder(paths: [["ext99"]])
        let found = try decoder.line(line(members))
        #expect(found.event.extensions.map(\.name) == names)
        #expect(found.slots == [.string("vext99")])
        for twice in ["ext0", "ext15", "ext16", "ext17", "ext63", "ext99"] {
            #expect(try decoder.line(line("\(members),\"\(twice)\":1")).record.error == PBJ_E_DUPLICATE.rawValue)
        }
    }

    @Test func `ends a call when the extensions' room ends, and refuses an event that no call could hold`() throws {
        let three = line("\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"")
        let five = line("\"a\":\"1\",\"b\":\"2\",\"c\":\"3\",\"d\":\"4\",\"e\":\"5\"")
        let text = Array([three, three, line(), five, three].joined(separator: "\n").utf8)
        let found = try LineDecoder().decode(text, extensions: 4)
        #expect(
            found.map(\.message)
                == ["", "", "", "too many extension attributes, from \"e\" on", ""])
        #expect(found.map { $0.event.extensions.count } == [3, 3, 0, 0, 3])
    }

    @Test func `wraps plain JSON lines into an envelope`() throws {
        let decoder = LineDecoder(paths: [["type"], ["id"], ["data", "a"], ["data"]])
        let text = "{\"a\":{\"b\":1}}\n\n 12.5 \n\"text\"\n[1,\n-\ntrue\n{\"a\":\"\\n\"} x\n0"
        let found = try decoder.decode(
            Array(text.utf8), filler: UInt8(ascii: "5"), envelope: ("com.acme.line", "/file", "orders-", 41))
        #expect(
            found.map(\.message)
                == ["", "", "", "not JSON at byte 3", "not JSON at byte 0", "", "not JSON at byte 11", ""])
        let accepted = found.filter(\.isAccepted)
        #expect(accepted.map(\.event.id) == ["orders-41", "orders-43", "orders-44", "orders-47", "orders-49"])
        #expect(accepted.allSatisfy { $0.event.type == "com.acme.line" && $0.event.source == "/file" })
        let data = accepted.map { String(decoding: $0.event.data ?? [], as: UTF8.self) }
        #expect(data == ["{\"a\":{\"b\":1}}", "12.5", "\"text\"", "true", "0"])
        #expect(accepted.map { $0.slots[3] }[1...] == [.double(12.5), .string("text"), .bool(true), .int(0)])
        #expect(accepted[0].slots[0...1] == [.string("com.acme.line"), .string("orders-41")])
    }
}
