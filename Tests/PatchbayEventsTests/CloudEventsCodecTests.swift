import CPatchbayJSON
import Foundation
import PatchbayEvents
import Testing

@Suite struct CloudEventsCodecTests {
    private static let samples: [Event] = [
        Event(id: "1", source: "/s", type: "t", dataIsJSON: false),
        Event(
            id: "a\"b\\c\n\u{1}\u{7F}é😀", source: "urn:x", type: "t.u", subject: "s", time: "2026-01-01T00:00:00Z",
            datacontenttype: "application/json", dataschema: "urn:schema",
            extensions: [.init("traceparent", "00-1"), .init("empty", "")], data: Array("{\"a\":[1,2]}".utf8)),
        Event(id: "2", source: "/s", type: "t", data: Array("\"text\"".utf8)),
        Event(
            id: "3", source: "/s", type: "t", datacontenttype: "text/plain", data: Array("a\tb".utf8), dataIsJSON: false
        ),
        Event(id: "4", source: "/s", type: "t", datacontenttype: "image/png", data: [0xFF, 0, 1], dataIsJSON: false),
        Event(id: "5", source: "/s", type: "t", data: [1, 2, 3, 4], dataIsJSON: false),
        Event(id: "6", source: "/s", type: "t", data: [], dataIsJSON: false),
        Event(id: "7", source: "/s", type: "t", datacontenttype: "application/json", data: [0x7B], dataIsJSON: false),
    ]

    @Test(arguments: samples)
    func `reads back what it wrote`(event: Event) throws {
        let json = event.json
        #expect(!json.contains(0x0A))
        #expect(try CloudEventsCodec().event(json) == event)
        #expect((try JSONSerialization.jsonObject(with: Data(json)) as? [String: Any])?["id"] as? String == event.id)
    }

    @Test func `keeps events on one line and their data's text as it was`() throws {
        let event = Event(id: "1", source: "/s", type: "t", data: Array("{\n\"n\": 1.50,\r\n\"n\": 1}".utf8))
        #expect(String(decoding: event.json, as: UTF8.self).hasSuffix(",\"data\":{ \"n\": 1.50,  \"n\": 1}}"))
    }

    @Test func `reads an event over many lines and gives offsets in it`() throws {
        let codec = CloudEventsCodec()
        let text = line("\"data\":{\"a\":\"b\"}").replacing(",", with: ",\r\n  ")
        #expect(try codec.event(Array(text.utf8)).data == Array("{\"a\":\"b\"}".utf8))
        #expect(throws: CloudEventsError(code: .notJSON, message: "not JSON at byte 3", offset: 3)) {
            try codec.event(Array("{\n\n}\n}".replacing("}\n}", with: "]").utf8))
        }
        #expect(throws: CloudEventsError.self) { try codec.event(Array("{\"id\":\"a\nb\"}".utf8)) }
        for empty in ["", "\n", " \t"] {
            #expect(throws: CloudEventsError.self) { try codec.event(Array(empty.utf8)) }
        }
    }

    @Test func `names attribute, code and offset of an error`() {
        let text = Array(line("\"time\":\"noon\"").utf8)
        #expect(
            throws: CloudEventsError(
                code: .attribute, message: "\"time\" is not an RFC 3339 timestamp at byte 62", attribute: "time",
                offset: 62)
        ) { try CloudEventsCodec().event(text) }
    }

    @Test func `reads batches, empty ones too, and says which event is wrong`() throws {
        let codec = CloudEventsCodec()
        #expect(try codec.batch(Array(" [ ] ".utf8)) == [])
        let tricky = line("\"data\":[\"],{\\\"\",{\"a\":[[]]}]")
        let text = "[\n \(line()) ,\(tricky),\(line("\"subject\":\"s\""))]"
        let events = try codec.batch(Array(text.utf8))
        #expect(events.map(\.subject) == [nil, nil, "s"])
        #expect(events[1].data == Array("[\"],{\\\"\",{\"a\":[[]]}]".utf8))

        let wrong = Array("[\(line()),{}]".utf8)
        #expect(
            throws: CloudEventsError(
                code: .specversion, message: "event 2 of the batch: \"specversion\" is not \"1.0\"",
                attribute: "specversion", offset: 58)
        ) { try codec.batch(wrong) }
        for text in ["{}", "1", "[1]", "[\"x\"]", "[[]]", "[\(line())", "[,]", "[\(line()),]", ""] {
            #expect(throws: CloudEventsError.self) { try codec.batch(Array(text.utf8)) }
        }
    }

    @Test func `adds attributes to a line without touching its bytes`() throws {
        let original = " " + line("\"data\" : {\"n\": 1.50, \"dlq\": \"}\"},\"ext\":5") + " "
        let (view, batch) = try decoded(original)
        let added = view.json(of: 0, adding: [.init("dlqreason", "it \"broke\""), .init("dlqattempts", "3")])
        let text = String(decoding: added, as: UTF8.self)
        #expect(text.hasPrefix(String(original.dropLast(2))))
        #expect(text == original.dropLast(2) + ",\"dlqreason\":\"it \\\"broke\\\"\",\"dlqattempts\":\"3\"}")
        let event = try CloudEventsCodec().event(added)
        #expect(event["dlqreason"] == "it \"broke\"")
        #expect(event["ext"] == "5")
        withExtendedLifetime(batch) {}
    }

    @Test(arguments: ["\"dlqreason\":\"old\"", "\"dlqreason\":null", "\"dlqre\\u0061son\":\"old\""])
    func `replaces an attribute that the line has already`(member: String) throws {
        let (view, batch) = try decoded(line("\(member),\"data\":{\"n\": 1.50}"))
        let event = try CloudEventsCodec().event(view.json(of: 0, adding: [.init("dlqreason", "new")]))
        #expect(event.extensions == [.init("dlqreason", "new")])
        #expect(event.data == Array("{\"n\": 1.50}".utf8))
        withExtendedLifetime(batch) {}
    }

    private func decoded(_ text: String) throws -> (BatchView, EventBatch) {
        let batch = EventBatch(source: 0, textCapacity: text.utf8.count)
        for (index, byte) in text.utf8.enumerated() { batch.text[index] = CChar(bitPattern: byte) }
        let decoder = pbj_decoder_new(pbj_limits(event_bytes: 1 << 20, nesting: 64), nil)
        defer { pbj_decoder_free(decoder) }
        var call = pbj_batch()
        (call.text, call.end, call.arena) = (UnsafePointer(batch.text), UInt32(text.utf8.count), batch.arena)
        (call.events, call.capacity) = (batch.events, 1)
        (call.ext, call.ext_capacity) = (batch.extensions, 16)
        pbj_decode(decoder, &call)
        guard call.count == 1, batch.events[0].error == 0 else { throw HarnessError.recordCount(Int(call.count)) }
        return (BatchView(batch), batch)
    }
}

@Suite struct CloudEventsValueTests {
    @Test func `reads JSON into values and writes them back`() throws {
        let reader = JSONReader()
        let text = #"{"a":[1,-2,18446744073709551615,1.5,true,null],"b":{"c":"x\né"},"d":{},"e":[]}"#
        let value = try reader.value(Array(text.utf8))
        #expect(String(decoding: value.json, as: UTF8.self) == text)
        guard case .map(let map) = value, case .list(let list)? = map["a"] else { throw HarnessError.recordCount(0) }
        #expect(list.map(\.typeName.name) == ["int", "int", "uint", "double", "bool", "null_type"])
        #expect(map.entries.map(\.key) == ["a", "b", "d", "e"].map { .string($0) })
        #expect(try reader.value(Array(#" "\u00e9" "#.utf8)) == .string("é"))
        #expect(try reader.value(Array(#"{"a":1,"a":2}"#.utf8)) == .map(.init([(key: .string("a"), value: .int(2))])))
    }

    @Test func `refuses what is not one JSON text`() throws {
        let reader = JSONReader(nesting: 3)
        for text in ["", " ", "{", "[1", "1 2", "tru", "\"a", "[1],", "{\"a\"}", "01", "\"\\x\"", "\u{1}", "nul\0"] {
            #expect(throws: CloudEventsError.self, "\(text)") { try reader.value(Array(text.utf8)) }
        }
        #expect(throws: CloudEventsError(code: .tooDeep, message: "nested too deep at byte 3", offset: 3)) {
            try reader.value(Array("[[[[]]]]".utf8))
        }
        #expect(throws: CloudEventsError(code: .notUTF8, message: "not UTF-8 at byte 1", offset: 1)) {
            try reader.value([0x22, 0xFF, 0x22])
        }
        #expect(try reader.value(Array("[[[]]]".utf8)) == .list([.list([.list([])])]))
    }

    @Test func `writes what JSON has no type for as strings`() throws {
        let values: [(Value, String)] = [
            (.bytes([0x4D, 0x61]), "\"TWE=\""), (.double(.nan), "\"NaN\""), (.double(-.infinity), "\"-Infinity\""),
            (.duration(.milliseconds(1500)), "\"1.5s\""), (.optional(nil), "null"), (.optional(.int(1)), "1"),
            (.double(1e300), "1e+300"), (.double(1), "1.0"), (.string("\u{2028}\"\u{0}"), "\"\u{2028}\\\"\\u0000\""),
        ]
        for (value, text) in values { #expect(String(decoding: value.json, as: UTF8.self) == text) }
    }
}
