import ArgumentParser
import CPatchbaySystem
import PatchbayEvents

/// One event written on the command line.
struct EventOptions: ParsableArguments {
    @Option(help: "The event's type, such as com.example.order.paid.")
    var type: String?

    @Option(help: "Its source, a URI reference. (default: /patchbay/send)")
    var source: String?

    @Option(help: "Its id, unique with the source. (default: a random one)")
    var id: String?

    @Option(help: "Its subject.")
    var subject: String?

    @Option(help: "Its data; JSON, unless --content-type says something else.")
    var data: String?

    @Option(
        help: ArgumentHelp("A file that holds its data, - is standard input.", valueName: "file"), completion: .file())
    var dataFile: String?

    @Option(help: ArgumentHelp("The media type of its data. (default: application/json)", valueName: "type"))
    var contentType: String?

    @Option(
        name: .customLong("extension"),
        help: ArgumentHelp("An extension attribute; may be given more than once.", valueName: "name=value"))
    var extensions: [String] = []

    /// Options that were given beside `type`.
    var others: [String] {
        [
            ("--source", source != nil), ("--id", id != nil), ("--subject", subject != nil), ("--data", data != nil),
            ("--data-file", dataFile != nil), ("--content-type", contentType != nil),
            ("--extension", !extensions.isEmpty),
        ].filter(\.1).map(\.0)
    }

    /// The event, checked as a host would check it.
    func event() throws -> Event {
        guard let type else { throw ValidationError("an event needs --type") }
        if data != nil, dataFile != nil { throw ValidationError("give --data or --data-file, not both") }
        var event = Event(
            id: id ?? Self.randomID(), source: source ?? "/patchbay/send", type: type, subject: subject, time: Self.now)
        for text in extensions { event.extensions.append(try attribute(text, beside: event.extensions)) }
        if let data = try dataBytes() {
            let isJSON = contentType.map(Event.isJSON(contentType:)) ?? true
            if isJSON, let error = data.withUnsafeBytes({ JSONReader().check($0) }) {
                throw ValidationError(
                    "the data is \(error.message); quote it as JSON, or say --content-type text/plain")
            }
            event.data = data
            event.dataIsJSON = isJSON
            event.datacontenttype = contentType ?? "application/json"
        } else if contentType != nil {
            throw ValidationError("--content-type has no meaning without --data or --data-file")
        }
        do {
            _ = try CloudEventsCodec(eventBytes: .max).event(event.json)
        } catch {
            throw ValidationError("this is no CloudEvent: \(error.message)")
        }
        return event
    }

    private func dataBytes() throws -> [UInt8]? {
        if let data { return Array(data.utf8) }
        guard let dataFile else { return nil }
        do {
            return try InputFile(dataFile).rest()
        } catch {
            throw Output.failure("\(error)", code: 2)
        }
    }

    private func attribute(_ text: String, beside others: [Event.Extension]) throws -> Event.Extension {
        let name = String(text.prefix { $0 != "=" })
        let known = [
            "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data",
            "data_base64",
        ]
        guard name.count < text.count, !name.isEmpty else {
            throw ValidationError("--extension \(text): write name=value")
        }
        guard name.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) }) else {
            throw ValidationError("--extension \(text): a name has only a-z and 0-9")
        }
        guard !known.contains(name) else { throw ValidationError("--extension \(text): '\(name)' is no extension") }
        guard !others.contains(where: { $0.name == name }) else {
            throw ValidationError("--extension \(text): '\(name)' is given twice")
        }
        return Event.Extension(name, String(text.dropFirst(name.count + 1)))
    }

    private static func randomID() -> String {
        let digits = [UInt64.random(in: 0 ... .max), .random(in: 0 ... .max)].map { number in
            let text = String(number, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return digits.joined()
    }

    private static var now: String? {
        let now = pbs_unix_now() / 1_000_000
        return Value.Timestamp(
            seconds: Int64(clamping: now / 1000), nanoseconds: Int32(clamping: now % 1000 * 1_000_000))?.rfc3339
    }
}
