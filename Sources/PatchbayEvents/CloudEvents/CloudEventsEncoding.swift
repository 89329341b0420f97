package import CPatchbay
package import CPatchbayJSON
import Glibc

extension Event {
    /// Structured JSON on one line, without the line end.
    ///
    /// JSON data is spliced as it is (line ends in it become spaces), text of another content type becomes a string,
    /// everything else base64. Names and values are taken as they are: whoever made the event checked them.
    /// - Source: CloudEvents 1.0.2, JSON event format, section 3.1.1
    package var json: [UInt8] {
        var writer = JSONWriter()
        writer.raw("{\"specversion\":\"1.0\"")
        writer.member("id", id)
        writer.member("source", source)
        writer.member("type", type)
        if let subject { writer.member("subject", subject) }
        if let time { writer.member("time", time) }
        if let datacontenttype { writer.member("datacontenttype", datacontenttype) }
        if let dataschema { writer.member("dataschema", dataschema) }
        for attribute in extensions { writer.member(attribute.name, attribute.value) }
        if let data { write(data, to: &writer) }
        writer.raw("}")
        return writer.bytes
    }

    private func write(_ data: [UInt8], to writer: inout JSONWriter) {
        let declaresJSON = datacontenttype.map(Event.isJSON(contentType:))
        if dataIsJSON, declaresJSON ?? true, !data.isEmpty {
            writer.raw(",\"data\":")
            writer.json(data)
        } else if declaresJSON == false, String(validating: data, as: UTF8.self) != nil {
            writer.raw(",\"data\":")
            writer.string(data)
        } else {
            writer.raw(",\"data_base64\":")
            writer.base64(data)
        }
    }

    /// Whether a media type is `*/json` or `*/*+json`, whatever its parameters and case.
    package static func isJSON(contentType: String) -> Bool {
        let media = contentType.utf8.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 && $0 != 0x09 }
        let lowered = media.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        guard let slash = lowered.firstIndex(of: UInt8(ascii: "/")), slash > 0 else { return false }
        let subtype = lowered[(slash + 1)...]
        return subtype.elementsEqual("json".utf8) || subtype.suffix(5).elementsEqual("+json".utf8)
    }
}

extension BatchView {
    /// A copy by value.
    package func event(_ index: Int) -> Event {
        let record = events[index]
        func optional(_ span: pbj_span) -> String? { span.length == 0 ? nil : String(bytes(span)) }
        return Event(
            id: String(bytes(record.id)), source: String(bytes(record.source)), type: String(bytes(record.type)),
            subject: optional(record.subject), time: optional(record.time),
            datacontenttype: optional(record.datacontenttype), dataschema: optional(record.dataschema),
            extensions: extensions(of: record).map { Event.Extension(String($0.key), String($0.value)) },
            data: record.flags & UInt32(PBJ_HAS_DATA) != 0 ? [UInt8](bytes(record.data)) : nil,
            dataIsJSON: record.flags & UInt32(PBJ_DATA_IS_JSON) != 0)
    }

    /// The extension attributes of a record.
    package func extensions(of record: pbj_event) -> UnsafeBufferPointer<patchbay_kv> {
        UnsafeBufferPointer(start: extensions + Int(record.ext_first), count: Int(record.ext_count))
    }

    /// Structured JSON of an event with attributes added, on one line, for dead letters and what is sent on.
    ///
    /// A line that is a CloudEvents object keeps its bytes and gets the new members before its closing brace. An event
    /// that may have one of the names already, and one whose line is data alone, is written anew: what is added wins.
    package func json(of index: Int, adding added: [Event.Extension]) -> [UInt8] {
        let record = events[index]
        let line = [UInt8](bytes(record.line))
        let known = extensions(of: record).map { String($0.key) }
        if isWholeEvent(record, line),
            !added.contains(where: { known.contains($0.name) || Self.mentions(line, $0.name) }),
            let brace = line.lastIndex(of: UInt8(ascii: "}"))
        {
            var writer = JSONWriter()
            writer.bytes.reserveCapacity(line.count + added.count * 48)
            writer.bytes += line[..<brace]
            for attribute in added { writer.member(attribute.name, attribute.value) }
            writer.raw("}")
            return writer.bytes
        }
        var event = event(index)
        event.extensions.removeAll { known in added.contains { $0.name == known.name } }
        event.extensions += added
        return event.json
    }

    /// Whether the line is the event; of a line that is data alone, the data is the line.
    private func isWholeEvent(_ record: pbj_event, _ line: [UInt8]) -> Bool {
        guard record.flags & UInt32(PBJ_HAS_DATA) != 0, record.data.offset & PBJ_ARENA == 0 else {
            return !line.isEmpty
        }
        let first = line.prefix { $0.isJSONSpace }.count
        return record.data.offset != record.line.offset + UInt32(first)
    }

    /// Whether `"name"` stands anywhere in the line: the record does not tell of members that are null.
    private static func mentions(_ line: [UInt8], _ name: String) -> Bool {
        let quoted = Array("\"\(name)\"".utf8)
        return line.withUnsafeBytes { line in
            var rest = line
            while let start = rest.baseAddress, let quote = memchr(start, Int32(quoted[0]), rest.count) {
                rest = UnsafeRawBufferPointer(rebasing: rest[(UnsafeRawPointer(quote) - start)...])
                guard rest.count >= quoted.count else { return false }
                if memcmp(quote, quoted, quoted.count) == 0 { return true }
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst())
            }
            return false
        }
    }
}

extension JSONWriter {
    /// `,"name":"value"`.
    fileprivate mutating func member(_ name: String, _ value: String) {
        raw(",")
        string(name)
        raw(":")
        string(value)
    }
}
