import PatchbayEvents

/// An event as an HTTP message.
///
/// - Source: CloudEvents 1.0.2, HTTP Protocol Binding, clauses 3.1 and 3.2
enum CloudEventsHTTP {
    struct Content {
        var headers: [(name: String, value: String)]
        var body: [UInt8]
    }

    /// All of it as JSON in the body.
    static func structured(_ event: Event) -> Content {
        Content(headers: [("content-type", "application/cloudevents+json; charset=UTF-8")], body: event.json)
    }

    /// Attributes as headers, the data as the body.
    static func binary(_ event: Event) -> Content {
        var headers: [(name: String, value: String)] = [
            ("ce-specversion", "1.0"), ("ce-id", encoded(event.id)), ("ce-source", encoded(event.source)),
            ("ce-type", encoded(event.type)),
        ]
        func add(_ name: String, _ value: String?) {
            if let value { headers.append(("ce-\(name)", encoded(value))) }
        }
        add("subject", event.subject)
        add("time", event.time)
        add("dataschema", event.dataschema)
        for attribute in event.extensions { add(attribute.name, attribute.value) }
        let data = event.data ?? []
        if !data.isEmpty { headers.append(("content-type", event.datacontenttype ?? "application/json")) }
        return Content(headers: headers, body: data)
    }

    /// Percent-encodes what a header's value may not hold: space, `"`, `%`, and all beyond printable ASCII (3.1.3.2).
    private static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            if byte > 0x20, byte < 0x7F, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "%") {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
