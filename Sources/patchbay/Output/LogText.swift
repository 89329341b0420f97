import PatchbayEvents
import PatchbayLog

/// Writes records of the log, for people or as lines of JSON.
struct LogText {
    private var names: NameTable
    private let isJSON: Bool
    private let style: Style
    private let codec = CloudEventsCodec.ofStored()

    init(names: NameTable, isJSON: Bool, style: Style) {
        self.names = names
        self.isJSON = isJSON
        self.style = style
    }

    /// Takes a name that the log gives a number.
    mutating func learn(_ name: NameRecord) throws(LogFormatError) {
        if names.name(name.kind, name.number) != name.name { try names.add(name) }
    }

    /// Unix nanoseconds in RFC 3339.
    static func time(_ nanoseconds: UInt64) -> String {
        let seconds = Int64(nanoseconds / 1_000_000_000)
        let time = Value.Timestamp(seconds: seconds, nanoseconds: Int32(nanoseconds % 1_000_000_000))
        return time?.rfc3339 ?? "\(nanoseconds)"
    }

    /// The type of an event of a section.
    func type(_ section: EventsSection, _ index: Int) throws(CloudEventsError) -> String {
        try codec.event(section.line(index)).type
    }

    /// A frame, before its records.
    func heading(_ frame: LogFrame) -> String {
        let header = frame.view.header
        let place = "segment \(String(frame.location.segment, radix: 16)) offset \(frame.location.offset)"
        return style.dim(
            "frame \(header.sequence) · \(Self.time(header.writtenAt)) · \(place) · \(header.length) bytes")
    }

    func line(_ record: LogRecord, in frame: LogFrame) throws(LogFormatError) -> String {
        let (kind, members, body) = try parts(record)
        if isJSON {
            let head = [("kind", Value.string(kind)), ("sequence", .uint(frame.view.header.sequence))]
            let text = String(decoding: Value.object(head + members).json, as: UTF8.self)
            // The event is JSON as it was accepted; line ends can only be white space in it.
            return body.map { "\(text.dropLast()),\"event\":\(Self.onOneLine($0))}" } ?? text
        }
        let text = members.map { name, value in "\(name)=\(Self.text(value))" }.joined(separator: " ")
        let event = body.map { " " + Self.onOneLine($0) } ?? ""
        return "  \(style.bold(kind)) \(text)\(event)".printable
    }

    private static func onOneLine(_ json: [UInt8]) -> String {
        String(decoding: json.map { $0 == 10 || $0 == 13 ? 32 : $0 }, as: UTF8.self)
    }

    private static func text(_ value: Value) -> String {
        if case .string(let text) = value { return text }
        return String(decoding: value.json, as: UTF8.self)
    }

    /// The kind of a record, what it says, and the event that it holds.
    private func parts(
        _ record: LogRecord
    ) throws(LogFormatError) -> (kind: String, members: [(String, Value)], event: [UInt8]?) {
        switch record {
        case .event(let section, let index, let position):
            return (
                "event",
                [
                    ("position", .uint(position)), ("receivedAt", .string(Self.time(section.receivedAt))),
                    ("deliveries", .list(try deliveries(section, index))),
                ], [UInt8](section.line(index))
            )
        case .outcome(let outcome):
            let kind = outcome.kind == .done ? "done" : "skipped"
            return (kind, delivery(outcome.delivery) + [("attempts", .uint(UInt64(outcome.attempts)))], nil)
        case .failure(let failure): return ("failed", members(failure), nil)
        case .deadLetter(let letter):
            let members = delivery(letter.delivery) + [("diedAt", .string(Self.time(letter.diedAt)))]
            return ("dead", members, letter.event)
        case .name(let name):
            let members = [
                ("of", Value.string("\(name.kind)")), ("number", .uint(UInt64(name.number))),
                ("name", .string(name.name)),
            ]
            return ("name", members, nil)
        case .state(let state):
            let isKnown = state.origin != .unknown
            return (
                "state",
                [
                    ("scope", .string(state.scope)), ("key", .string(state.key)), ("revision", .uint(state.revision)),
                    ("bytes", state.value.map { .uint(UInt64($0.count)) } ?? .null),
                    ("definition", isKnown ? .string(StableHash.text(state.origin.definition)) : .null),
                    ("position", isKnown ? .uint(state.origin.position) : .null),
                ], nil
            )
        case .timer(let timer):
            let members = [
                ("change", Value.string("\(timer.change)")), ("scope", .string(timer.scope)),
                ("key", .string(timer.key)), ("due", .string(Self.time(timer.due))),
            ]
            return ("timer", members, timer.event.isEmpty ? nil : timer.event)
        case .operation(let operation):
            let hasTarget = operation.kind.isRedrive && operation.target != DeadLetterRecord.noHandler
            let target = hasTarget ? names.name(.handler, operation.target) ?? "[\(operation.target)]" : nil
            let members =
                [
                    ("operation", Value.string(operation.kind.isRedrive ? "redrive" : "\(operation.kind)")),
                    ("letter", .string("\(operation.letter)")), ("to", target.map { .string($0) } ?? .null),
                    ("who", .string(operation.who)), ("at", .string(Self.time(operation.at))),
                ] + delivery(operation.delivery)
            return ("operation", members, operation.event.isEmpty ? nil : operation.event)
        case .deduplication(let record):
            let members: [(String, Value)] = [
                ("route", .string(names.name(.route, record.route) ?? "[\(record.route)]")),
                ("admitted", .string(Self.time(record.time))),
            ]
            return ("deduplication", members, nil)
        case .stream(let record): return ("stream", members(record), nil)
        case .subscription(let record):
            let wish = record.wish
            let members: [(String, Value)] = [
                ("scope", .string(record.scope)), ("name", .string(record.name)),
                ("stream", wish.map { .string($0.stream) } ?? .null), ("next", wish.map { .uint($0.from) } ?? .null),
                ("type", wish.map { .string($0.type) } ?? .null),
                ("correlation", wish.map { .string($0.correlation) } ?? .null),
            ]
            return ("subscription", members, nil)
        case .unknown(let kind, let bytes):
            return ("unknown", [("section", .uint(UInt64(kind.rawValue))), ("bytes", .uint(UInt64(bytes)))], nil)
        }
    }

    private func members(_ record: StreamRecord) -> [(String, Value)] {
        var members: [(String, Value)] = [("change", .string("\(record.kind)")), ("name", .string(record.name))]
        if record.kind == .subscription {
            members.append(("stream", .string(String(decoding: record.data, as: UTF8.self))))
        }
        members.append(("revision", record.revision == .max ? .null : .uint(record.revision)))
        if record.eventCount > 0 {
            members += [("number", .uint(record.number)), ("events", .uint(UInt64(record.eventCount)))]
        }
        members += [("at", .string(Self.time(record.time))), ("bytes", .uint(UInt64(record.data.count)))]
        return members
    }

    private func members(_ failure: FailureRecord) -> [(String, Value)] {
        var members = delivery(failure.delivery)
        members += [
            ("verdict", .string("\(failure.verdict)")), ("attempts", .uint(UInt64(failure.attempts))),
            ("class", .string(failure.failureClass)), ("reason", .string(failure.reason)),
            ("endedAt", .string(Self.time(failure.endedAt))),
        ]
        if failure.verdict == .retries { members.append(("due", .string(Self.time(failure.due)))) }
        return members
    }

    private func delivery(_ delivery: DeliveryID) -> [(String, Value)] {
        let position: Value = delivery.position == .max ? .null : .uint(delivery.position)
        return [("position", position), ("handler", handler(delivery.handler))]
    }

    private func handler(_ number: UInt16) -> Value {
        if number == DeadLetterRecord.noHandler { return .null }
        return .string(names.name(.handler, number) ?? "#\(number)")
    }

    private func deliveries(_ section: EventsSection, _ event: Int) throws(LogFormatError) -> [Value] {
        var found: [Value] = []
        try section.forEachDelivery { delivery in
            guard delivery.event == event else { return }
            found.append(
                .object([
                    ("route", .string(names.name(.route, delivery.route) ?? "#\(delivery.route)")),
                    ("handler", handler(delivery.handler)),
                ]))
        }
        return found
    }
}
