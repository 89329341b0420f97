import PatchbayEvents
import Testing

@Suite struct CloudEventsRefusalTests {
    @Test(
        arguments: [
            ("hello", "not JSON at byte 0"),
            ("{", "not JSON at byte 1"),
            ("{\"a\":1", "not JSON at byte 6"),
            ("{\"a\" 1}", "not JSON at byte 5"),
            ("{\"a\":1,}", "not JSON at byte 7"),
            ("{a:1}", "not JSON at byte 1"),
            ("{\"a\":\"open}", "not JSON at byte 5"),
            ("{\"a\":\"\u{1}\"}", "not JSON at byte 6"),
            ("{\"a\":'x'}", "not JSON at byte 5"),
            (line() + " x", "not JSON at byte 56"),
            (line() + "}", "not JSON at byte 55"),
            (line() + line(), "not JSON at byte 55"),
            (line("\"data\":01"), "not JSON at byte 62"),
            (line("\"data\":1."), "not JSON at byte 62"),
            (line("\"data\":.5"), "not JSON at byte 62"),
            (line("\"data\":-"), "not JSON at byte 62"),
            (line("\"data\":+1"), "not JSON at byte 62"),
            (line("\"data\":1e"), "not JSON at byte 62"),
            (line("\"data\":1x"), "not JSON at byte 62"),
            (line("\"data\":0x10"), "not JSON at byte 62"),
            (line("\"data\":NaN"), "not JSON at byte 62"),
            (line("\"data\":True"), "not JSON at byte 62"),
            (line("\"data\":nulls"), "not JSON at byte 62"),
            (line("\"data\":[1 2]"), "not JSON at byte 65"),
            (line("\"data\":[1,]"), "not JSON at byte 65"),
            (line("\"data\":[1}"), "not JSON at byte 64"),
            (line("\"data\":{\"a\":1]"), "not JSON at byte 68"),
            (line("\"data\":{1:2}"), "not JSON at byte 63"),
            (line("\"data\":{\"a\":{\"b\":tru}}"), "not JSON at byte 72"),
            (line("\"data\":\"\\x\""), "not JSON at byte 63"),
            (line("\"data\":\"\\u12G4\""), "not JSON at byte 63"),
            (line("\"data\":\"\\ud800\""), "not JSON at byte 63"),
            (line("\"data\":\"\\udc00\""), "not JSON at byte 63"),
            (line("\"data\":\"\\ud800\\u0041\""), "not JSON at byte 63"),
            (line("\"data\":{\"\\q\":1}"), "not JSON at byte 64"),
            (line("\"extra\":tru"), "not JSON at byte 63"),
            (line("\"time\":{\"a\":}"), "not JSON at byte 67"),
            ("[1,2]", "not a JSON object"),
            ("12", "not a JSON object"),
            (" \"text\"", "not a JSON object"),
            ("null", "not a JSON object"),
            ("{}", "\"specversion\" is not \"1.0\""),
            ("{\"specversion\":\"0.3\"}", "\"specversion\" is not \"1.0\""),
            ("{\"specversion\":1.0}", "\"specversion\" is not a string that is not empty at byte 15"),
            ("{\"specversion\":\"1.0\",\"source\":\"/s\",\"type\":\"t\"}", "\"id\" is missing"),
            ("{\"specversion\":\"1.0\",\"id\":null,\"source\":\"/s\",\"type\":\"t\"}", "\"id\" is missing"),
            ("{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\"}", "\"source\" is missing"),
            ("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\"}", "\"type\" is missing"),
            ("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"\"}", "\"type\" is empty"),
            ("{\"specversion\":\"1.0\",\"id\":25}", "\"id\" is not a string that is not empty at byte 26"),
            (line("\"subject\":\"\""), "\"subject\" is not a string that is not empty at byte 65"),
            (line("\"subject\":{\"a\":1}"), "\"subject\" is not a string that is not empty at byte 65"),
            (line("\"time\":\"yesterday\""), "\"time\" is not an RFC 3339 timestamp at byte 62"),
            (line("\"datacontenttype\":\"json\""), "\"datacontenttype\" is not a media type at byte 73"),
            (line("\"dataschema\":\"/relative\""), "\"dataschema\" is not an absolute URI at byte 68"),
            (line("\"ext\":1.5"), "\"ext\" is not a string, a boolean or a 32-bit integer at byte 61"),
            (line("\"ext\":2147483648"), "\"ext\" is not a string, a boolean or a 32-bit integer at byte 61"),
            (line("\"ext\":[]"), "\"ext\" is not a string, a boolean or a 32-bit integer at byte 61"),
            (line("\"Ext\":1"), "attribute name \"Ext\" has other characters than a-z and 0-9 at byte 55"),
            (line("\"my_ext\":1"), "attribute name \"my_ext\" has other characters than a-z and 0-9 at byte 55"),
            (line("\"\":1"), "attribute name \"\" has other characters than a-z and 0-9 at byte 55"),
            (line("\"id\":\"2\""), "\"id\" is given twice, again at byte 55"),
            (line("\"i\\u0064\":\"2\""), "\"id\" is given twice, again at byte 55"),
            (line("\"ext\":1,\"ext\":1"), "\"ext\" is given twice, again at byte 63"),
            (line("\"ext\":null,\"ext\":1"), "\"ext\" is given twice, again at byte 66"),
            (line("\"data\":1,\"data\":1"), "\"data\" is given twice, again at byte 64"),
            (line("\"data\":1,\"data_base64\":\"\""), "\"data_base64\" is given twice, or beside \"data\", at byte 78"),
            (line("\"data_base64\":5"), "\"data_base64\" is not a string at byte 69"),
            (line("\"data_base64\":\"TW!=\""), "\"data_base64\" is not base64 at byte 72"),
            (line("\"data_base64\":\"TWE\""), "\"data_base64\" is not base64 at byte 73"),
            (
                line("\"datacontenttype\":\"text/plain\",\"data\":{}"),
                "\"data\" is not a string, as a datacontenttype other than JSON asks, at byte 93"
            ),
        ] as [(String, String)])
    func `names what is wrong with a line, and where`(text: String, message: String) throws {
        for paths in [[], [["data", "a"], ["ext"]]] {
            let decoder = LineDecoder(paths: paths)
            for filler in ["}", "]", ",", "1", "\"", "e", ":"] {
                let found = try decoder.decode(Array(text.utf8), filler: Array(filler.utf8)[0])
                #expect(found.map(\.message) == [message])
            }
        }
    }

    @Test func `refuses bytes that are not UTF-8 and says where`() throws {
        let decoder = LineDecoder()
        let bad: [[UInt8]] = [
            [0xFF], [0xC0, 0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80],
            [0xE0, 0x80, 0x80],
        ]
        for bytes in bad {
            let text = Array("{\"id\":\"ab".utf8) + bytes + Array("\"}\n".utf8) + Array(line().utf8)
            let found = try decoder.decode(text)
            #expect(found.map(\.message) == ["not UTF-8 at byte 9", ""])
        }
    }

    @Test func `refuses a NUL byte anywhere`() throws {
        let decoder = LineDecoder(paths: [["data", "a"]])
        let valid = Array(line("\"data\":{\"a\":12}").utf8)
        for position in 0...valid.count {
            var text = valid
            text.insert(0, at: position)
            #expect(try decoder.decode(text).map(\.isAccepted) == [false])
        }
    }

    @Test func `refuses every truncation of an event`() throws {
        let decoder = LineDecoder(paths: [["data"], ["data", "a", "b"], ["data", "n"]])
        let text = Array(line("\"ext\":true,\"data\":{\"a\":{\"b\":[1,{\"c\":\"\\n\"}]},\"n\":-1.5e3}").utf8)
        #expect(try decoder.decode(text).map(\.isAccepted) == [true])
        for length in 1..<text.count {
            for filler in Array("}]\"1,:\\ e".utf8) {
                #expect(try decoder.decode(Array(text[..<length]), filler: filler).map(\.isAccepted) == [false])
            }
        }
    }

    @Test(
        arguments: [
            "2018-04-05T18:31Z", "2018-04-05T18:31:00", "2018-04-05T18:31:00X", "2018-04-05T18:31:00+25:00",
            "2018-04-05T18:31:00+01:60", "2018-04-05T18:31:00+0100", "2018-04-05 18:31:00Z", "2018-13-05T18:31:00Z",
            "2018-00-05T18:31:00Z", "2018-04-31T18:31:00Z", "2018-04-00T18:31:00Z", "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z", "2018-04-05T24:00:00Z", "2018-04-05T18:60:00Z", "2018-04-05T18:31:61Z",
            "2018-04-05T18:31:00.Z", "18-04-05T18:31:00.000Z", "2018-04-05T18:31:00ZZ", "2018-04-05T18:31:00.1",
            "2018/04/05T18:31:00Z", "2018-04-05T18-31-00Z", "2018-04-05T18:31:0aZ", "２018-04-05T18:31:00Z",
        ])
    func `refuses times that RFC 3339 does not know`(time: String) throws {
        #expect(try LineDecoder().line(line("\"time\":\"\(time)\"")).event.time == time)
        #expect(try !LineDecoder().line(line("\"time\":\"\(time)\"")).isAccepted)
    }

    @Test(
        arguments: [
            "2018-04-05T17:31:00Z", "2018-04-05t17:31:00z", "2024-02-29T23:59:59Z", "2000-02-29T00:00:00Z",
            "2016-12-31T23:59:60Z", "2018-04-05T17:31:00.123456789123Z", "2018-04-05T17:31:00-23:59",
            "0000-01-01T00:00:00+00:00",
        ])
    func `accepts times of RFC 3339`(time: String) throws {
        #expect(try LineDecoder().line(line("\"time\":\"\(time)\"")).message == "")
    }

    @Test func `refuses sources and schemas with characters that no URI has`() throws {
        for source in ["a b", "<x>", "a\\\\b", "{x}", "ü", "%", "%2", "%zz"] {
            let text = "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\",\"source\":\"\(source)\"}"
            #expect(try LineDecoder().line(text).message == "\"source\" is not a URI reference at byte 50")
        }
        for schema in ["", "x", "/x", ":x", "1a:b", "a b:c"] {
            #expect(try !LineDecoder().line(line("\"dataschema\":\"\(schema)\"")).isAccepted)
        }
        #expect(try LineDecoder().line(line("\"dataschema\":\"urn:a%20b:c\"")).isAccepted)
    }

    /// A fuzzer's find: what follows the text closed the two arrays, and the message named byte 0.
    @Test(arguments: Array("]},[ \n".utf8))
    func `brackets that stay open are an error at the end, whatever follows the text`(filler: UInt8) throws {
        let text = line("\"data\":[[[1]")
        for decoder in [LineDecoder(), LineDecoder(paths: [["data", "a"]])] {
            let found = try decoder.decode(Array(text.utf8.dropLast()), filler: filler)
            #expect(found.map(\.message) == ["not JSON at byte \(text.utf8.count - 1)"])
        }
        let object = line("\"data\":{\"a\":{\"a\":{}")
        let found = try LineDecoder(paths: [["data", "a", "a"]]).decode(Array(object.utf8.dropLast()), filler: filler)
        #expect(found.map(\.message) == ["not JSON at byte \(object.utf8.count - 1)"])
    }
}
