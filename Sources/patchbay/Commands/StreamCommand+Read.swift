import ArgumentParser
import CPatchbaySystem
import Glibc
import PatchbayEvents
import PatchbayLog
import PatchbayRouting
import PatchbayRuntime

extension StreamCommand {
    struct ReadCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "read",
            abstract: "Print events of one stream, or of all of them.",
            discussion: """
                Of one stream in the order of revisions; without a name those of all streams, in the order in which \
                they were appended, where --from takes the number that every event has over all streams.

                EXAMPLES
                  patchbay stream read order-7
                  patchbay stream read order-7 --backward --limit 1
                  patchbay stream read order-7 --as-of 2026-11-21T10:00:00Z
                  patchbay stream read --type 'com.acme.order.*' --correlation 4f1c --json
                """)

        @Argument(help: "The stream's name; all streams without one.")
        var stream: String?

        @Option(help: ArgumentHelp("Begin with this revision.", valueName: "revision"))
        var from: UInt64?

        @Flag(help: "The newest first.")
        var backward = false

        @Option(help: ArgumentHelp("Print at most so many.", valueName: "count"))
        var limit: Int?

        @Option(help: ArgumentHelp("Only events of this type; * and ** as in routes.", valueName: "pattern"))
        var type: String?

        @Option(help: ArgumentHelp("Only events with this correlationid.", valueName: "id"))
        var correlation: String?

        @Option(help: ArgumentHelp("Only what was appended then or later; RFC 3339.", valueName: "time"))
        var since: TimePoint?

        @Option(help: ArgumentHelp("As it was then: only what was appended by that time.", valueName: "time"))
        var asOf: TimePoint?

        @OptionGroup var folder: StreamFolderOptions

        @Flag(help: "Print JSON, one line for each event.")
        var json = false

        func validate() throws {
            if let type, let problem = TypePattern.problem(of: type) {
                throw ValidationError("--type '\(type)': \(problem)")
            }
            if let limit, limit < 1 { throw ValidationError("--limit is 1 at least") }
        }

        func run() throws {
            try StreamCommand.attempt {
                let stored = try folder.stored()
                if let stream { _ = try stored.streams.existing(stream) }
                let selection = StreamSelection(
                    backward ? .backward : .forward, from: from, since: since?.time(now: pbs_unix_now()),
                    asOf: asOf?.time(now: pbs_unix_now()))
                let filter = StreamFilter(type: try type.map { try TypePattern($0) }, correlation: correlation)
                let style = Style(for: STDOUT_FILENO)
                var count = 0
                try stored.forEach(of: stream, selection, filter) { event in
                    Output.line(json ? event.json : event.text(style, naming: stream == nil))
                    count += 1
                    return count < limit ?? .max && !Output.hasFailed
                }
            }
        }
    }

    struct ListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List streams by name: revisions, last append, snapshots.",
            discussion: """
                EXAMPLES
                  patchbay stream list
                  patchbay stream list --folder ./data --json | jq '.[].name'
                """)

        @OptionGroup var folder: StreamFolderOptions

        @Flag(help: "Print JSON: an array of streams.")
        var json = false

        func run() throws {
            try StreamCommand.attempt {
                let all = try folder.stored().streams.all
                if json { return Output.json(.list(all.map(\.value))) }
                guard !all.isEmpty else { return Output.line("no streams") }
                let rows = all.map { info in
                    [
                        info.name, "\(info.next - info.first)",
                        info.first == info.next ? "none" : "\(info.first)–\(info.next - 1)",
                        info.time.map { String(LogText.time($0).prefix(19)) } ?? "", "\(info.snapshots.count)",
                        info.isDeleted ? "deleted" : "",
                    ]
                }
                Output.line(
                    TextTable.columns(
                        ["stream", "events", "revisions", "last", "snapshots", ""], rows, Style(for: STDOUT_FILENO)))
            }
        }
    }
}

extension StoredStreamEvent {
    /// One line of JSON; the event as it lies in the log.
    var json: String {
        let head = Value.object([
            ("stream", .string(place.stream)), ("revision", .uint(place.revision)), ("number", .uint(place.number)),
            ("appended", .string(LogText.time(place.time))),
        ])
        let event = String(decoding: place.line, as: UTF8.self)
        return "\(String(decoding: head.json, as: UTF8.self).dropLast()),\"event\":\(event)}"
    }

    /// One line for people.
    func text(_ style: Style, naming: Bool) -> String {
        let data = event.data.map { " " + String(decoding: $0, as: UTF8.self) } ?? ""
        let told = "\(event.type) \(event.id)\(data)".split(whereSeparator: \.isNewline).joined(separator: " ")
        let name = naming ? "\(place.stream.printable) " : ""
        return "\(name)\(style.bold("\(place.revision)")) \(style.dim(LogText.time(place.time))) \(told.printable)"
    }
}

extension StreamInfo {
    /// For scripts.
    fileprivate var value: Value {
        .object([
            ("name", .string(name)), ("revision", revision.map { .uint($0) } ?? .null), ("first", .uint(first)),
            ("events", .uint(next - first)), ("deleted", .bool(isDeleted)),
            ("appended", time.map { .string(LogText.time($0)) } ?? .null),
            ("snapshots", .list(snapshots.map { .uint($0) })),
        ])
    }
}
