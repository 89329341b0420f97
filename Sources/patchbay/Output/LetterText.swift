import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayRuntime

/// Dead letters that died alike.
struct LetterGroup {
    let example: StoredLetter
    private(set) var count = 0
    private(set) var first: UInt64 = .max
    private(set) var last: UInt64 = 0

    init(_ example: StoredLetter) { self.example = example }

    mutating func add(_ letter: StoredLetter) {
        count += 1
        first = min(first, letter.diedAt)
        last = max(last, letter.diedAt)
    }

    var value: Value {
        .object([
            ("group", .string(example.group)), ("count", .int(Int64(count))), ("handler", .string(example.handler)),
            ("class", .string(example.failureClass)), ("type", .string(example.event.type)),
            ("reason", .string(example.reason)), ("first", .string(LogText.time(first))),
            ("last", .string(LogText.time(last))), ("example", .string("\(example.id)")),
        ])
    }
}

/// Writes dead letters for people.
enum LetterText {
    static func table(_ letters: [StoredLetter], _ style: Style) -> String {
        guard !letters.isEmpty else { return "no dead letters" }
        let rows = letters.map { letter in
            [
                "\(letter.id)", String(LogText.time(letter.diedAt).prefix(19)),
                letter.handler.isEmpty ? "(none)" : letter.handler, letter.failureClass, letter.event.type,
                letter.event.id, short(letter.reason) + (letter.edit == nil ? "" : " (edited)"),
            ]
        }
        return TextTable.columns(["id", "died", "handler", "class", "type", "event", "reason"], rows, style)
    }

    static func groups(_ groups: [LetterGroup], _ style: Style) -> String {
        guard !groups.isEmpty else { return "no dead letters" }
        let rows = groups.map { group in
            [
                group.example.group, UInt64(group.count).grouped,
                group.example.handler.isEmpty ? "(none)" : group.example.handler,
                group.example.failureClass, group.example.event.type, String(LogText.time(group.last).prefix(19)),
                short(group.example.reason),
            ]
        }
        return TextTable.columns(["group", "count", "handler", "class", "type", "last", "reason"], rows, style)
    }

    static func full(_ letter: StoredLetter, _ style: Style) throws -> String {
        var lines = [style.bold("dead letter \(letter.id)")]
        let facts = [
            ("handler", letter.handler.isEmpty ? "none: no route takes it" : letter.handler), ("route", letter.route),
            ("died", LogText.time(letter.diedAt)), ("class", letter.failureClass), ("reason", letter.reason),
            ("attempts", letter.attempts), ("redriven", "\(letter.event.redrives) times before"),
            ("group", letter.group),
            ("position", letter.delivery.position == .max ? "" : "\(letter.delivery.position)"),
            ("trace", letter.event["dlqtrace"] ?? ""),
        ]
        for (name, value) in facts where !value.isEmpty {
            lines.append("  \(name)\(String(repeating: " ", count: 10 - name.count))\(value.printable)")
        }
        for attempt in try attempts(letter) {
            lines.append(
                "  \(style.dim("attempt \(text(attempt["attempt"]))")) \(text(attempt["ended"])) after "
                    + "\(text(attempt["milliseconds"])) ms: \(text(attempt["class"])), \(text(attempt["reason"]).printable)"
            )
        }
        lines.append(letter.edit == nil ? "a redrive delivers" : "a redrive delivers, as edited")
        lines += try self.lines(letter.redriven()).map { "  " + $0 }
        return lines.joined(separator: "\n")
    }

    /// An event on lines that can be compared: attributes, then data.
    static func lines(_ event: Event) -> [String] {
        var lines = ["id: \(event.id)", "source: \(event.source)", "type: \(event.type)"]
        let optional = [
            ("subject", event.subject), ("time", event.time), ("datacontenttype", event.datacontenttype),
            ("dataschema", event.dataschema),
        ]
        for (name, value) in optional { if let value { lines.append("\(name): \(value)") } }
        for attribute in event.extensions.sorted(by: { $0.name < $1.name }) {
            lines.append("\(attribute.name): \(attribute.value)")
        }
        if let data = event.data {
            lines.append("data: \(event.dataIsJSON ? String(decoding: data, as: UTF8.self) : "\(data.count) bytes")")
        }
        return lines.map(\.printable)
    }

    /// Both texts once, with `-` and `+` where they differ.
    static func difference(_ before: [String], _ after: [String], _ style: Style) -> String {
        let changes = after.difference(from: before)
        let removed = Set(
            changes.removals.compactMap { if case .remove(let offset, _, _) = $0 { offset } else { nil } })
        let inserted = Set(
            changes.insertions.compactMap { if case .insert(let offset, _, _) = $0 { offset } else { nil } })
        var lines: [String] = []
        var (old, new) = (0, 0)
        while old < before.count || new < after.count {
            if old < before.count, removed.contains(old) {
                lines.append(style.red("- \(before[old])"))
                old += 1
            } else if new < after.count, inserted.contains(new) {
                lines.append(style.green("+ \(after[new])"))
                new += 1
            } else {
                lines.append("  \(before[old])")
                old += 1
                new += 1
            }
        }
        return lines.joined(separator: "\n")
    }

    /// Each attempt's members by name.
    private static func attempts(_ letter: StoredLetter) throws -> [Value.Map] {
        guard !letter.history.isEmpty, case .map(let record) = try JSONReader().value(letter.history),
            case .list(let attempts) = record["attempts"]
        else { return [] }
        return attempts.compactMap { if case .map(let attempt) = $0 { attempt } else { nil } }
    }

    private static func text(_ value: Value?) -> String {
        if case .string(let text) = value { return text }
        return value.map { String(decoding: $0.json, as: UTF8.self) } ?? ""
    }

    private static func short(_ text: String) -> String { text.count > 60 ? text.prefix(59) + "…" : text }
}

extension StoredLetter {
    /// For scripts: a line of a list.
    var summary: Value {
        .object([
            ("id", .string("\(id)")), ("died", .string(LogText.time(diedAt))), ("handler", .string(handler)),
            ("route", .string(route)), ("class", .string(failureClass)), ("reason", .string(reason)),
            ("attempts", .string(attempts)), ("group", .string(group)), ("redrives", .int(Int64(event.redrives))),
            (
                "event",
                .object([
                    ("id", .string(event.id)), ("source", .string(event.source)), ("type", .string(event.type)),
                ])
            ), ("edited", .bool(edit != nil)),
        ])
    }

    /// For scripts: everything, with events and attempts as they lie in the log.
    func json() throws -> String {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        return "{\"letter\":\(text(summary.json)),\"event\":\(text(line)),\"history\":"
            + "\(history.isEmpty ? "null" : text(history)),\"redriven\":\(text(try redriven().json))}"
    }
}
