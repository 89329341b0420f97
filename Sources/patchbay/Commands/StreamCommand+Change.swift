import ArgumentParser
import Glibc
import PatchbayEvents
import PatchbayLog
import PatchbayRuntime

extension StreamCommand {
    struct AppendCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "append",
            abstract: "Append events to a stream: all of them or none.",
            discussion: """
                Events come from a file, one CloudEvent a line, one over many lines or a JSON array of them, or from \
                the options, which make one. --expect says what the stream has to be: any (default), none, exists, or \
                the revision of its last event. The same events again are a repeat, which changes nothing and \
                answers with the revisions that they have.

                EXAMPLES
                  patchbay stream append order-7 --type com.acme.order.placed --data '{"n":1}' --expect none
                  patchbay stream append order-7 -f events.jsonl --expect 4
                  generate-events | patchbay stream append audit -f - --json
                """)

        @Argument(help: "The stream's name.")
        var stream: String

        @Option(
            name: .shortAndLong, help: ArgumentHelp("A file of events, - is standard input.", valueName: "file"),
            completion: .events)
        var file: String?

        @OptionGroup(title: "One event") var event: EventOptions

        @Option(
            help: ArgumentHelp(
                "What the stream has to be: any, none, exists, or its last revision.", valueName: "revision"))
        var expect = ExpectedRevision.any

        @OptionGroup var folder: StreamFolderOptions

        @Flag(help: "Print JSON: the stream, the revisions, whether it was a repeat.")
        var json = false

        func validate() throws {
            if file != nil, let other = (event.type == nil ? event.others : ["--type"] + event.others).first {
                throw ValidationError("-f takes the events of a file; \(other) makes one of its own: give one of them")
            }
            if file == nil, event.type == nil {
                throw ValidationError("say what to append: -f FILE, -f - for standard input, or --type TYPE")
            }
        }

        func run() throws {
            try StreamCommand.attempt {
                let events = try file.map { try Self.events(of: $0) } ?? [event.event()]
                guard !events.isEmpty else { throw Output.failure("\(file ?? "") has no events", code: 2) }
                let answer = try folder.apply(
                    .append(stream: stream, events: events.map { StreamLine($0) }, expected: expect))
                guard let revisions = answer.revisions, let last = revisions.last else { return }
                if json {
                    return Output.json(
                        .object([
                            ("stream", .string(stream)), ("first", .uint(revisions.lowerBound)), ("last", .uint(last)),
                            ("repeated", .bool(answer.isRepeat)),
                        ]))
                }
                let text = revisions.count == 1 ? "revision \(last)" : "revisions \(revisions.lowerBound) to \(last)"
                Output.line("\(stream): \(text)\(answer.isRepeat ? ", appended before" : "")".printable)
            }
        }

        private static func events(of path: String) throws -> [Event] {
            let text = try InputFile(path).rest()
            let codec = CloudEventsCodec.ofStored()
            return try EventPieces.pieces(of: text).map { piece in
                do throws(CloudEventsError) {
                    return try codec.event(Array(text[piece.range]))
                } catch {
                    throw Output.failure("\(path):\(piece.line): \(error.message)", code: 2)
                }
            }
        }
    }

    struct TruncateCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "truncate",
            abstract: "Let the events of a stream before a revision go.",
            discussion: """
                Revisions are not counted anew. What is gone cannot be read any more; keep a snapshot first.

                EXAMPLES
                  patchbay stream truncate order-7 --before 100
                """)

        @Argument(help: "The stream's name.")
        var stream: String

        @Option(help: ArgumentHelp("The first revision that stays.", valueName: "revision"))
        var before: UInt64

        @OptionGroup var folder: StreamFolderOptions

        func run() throws {
            try StreamCommand.attempt {
                let answer = try folder.apply(.truncate(stream: stream, before: before))
                Output.line("\(stream): \(answer.isChanged ? "begins now" : "begins") with \(before)".printable)
            }
        }
    }

    struct DeleteCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "delete",
            abstract: "Close a stream for ever, with its events and snapshots.",
            discussion: """
                Its name cannot be used again.

                EXAMPLES
                  patchbay stream delete order-7
                  patchbay stream delete order-7 --expect 12
                """)

        @Argument(help: "The stream's name.")
        var stream: String

        @Option(
            help: ArgumentHelp("What the stream has to be: any, exists, or its last revision.", valueName: "revision"))
        var expect = ExpectedRevision.any

        @OptionGroup var folder: StreamFolderOptions

        func run() throws {
            try StreamCommand.attempt {
                _ = try folder.apply(.delete(stream: stream, expected: expect))
                Output.line("\(stream): deleted".printable)
            }
        }
    }

    struct SnapshotCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "snapshot",
            abstract: "Print a stream's snapshot, or keep one.",
            discussion: """
                A snapshot is bytes of yours that say what the events up to a revision amount to. The newest 16 of a \
                stream are kept, also when its events are truncated.

                EXAMPLES
                  patchbay stream snapshot order-7 --put state.json --revision 99
                  patchbay stream snapshot order-7
                  patchbay stream snapshot order-7 --at 50
                """)

        @Argument(help: "The stream's name.")
        var stream: String

        @Option(
            help: ArgumentHelp("Keep this file's bytes; - is standard input.", valueName: "file"), completion: .file())
        var put: String?

        @Option(help: ArgumentHelp("With --put: the last event that it includes.", valueName: "revision"))
        var revision: UInt64?

        @Option(help: ArgumentHelp("The latest at this revision or before.", valueName: "revision"))
        var at: UInt64?

        @OptionGroup var folder: StreamFolderOptions

        func validate() throws {
            if (put == nil) != (revision == nil) { throw ValidationError("--put and --revision go together") }
            if put != nil, at != nil {
                throw ValidationError("--at reads a snapshot, --put keeps one: give one of them")
            }
        }

        func run() throws {
            try StreamCommand.attempt {
                if let put, let revision {
                    let bytes = try InputFile(put).rest()
                    _ = try folder.apply(.snapshot(stream: stream, revision: revision, bytes: bytes))
                    return Output.line("\(stream): snapshot at \(revision), \(bytes.count) bytes".printable)
                }
                let stored = try folder.stored()
                _ = try stored.streams.existing(stream)
                guard let found = try stored.snapshot(of: stream, at: at ?? .max) else {
                    throw StreamRefusal.missing(
                        "stream '\(stream)' has no snapshot\(at.map { " at \($0) or before" } ?? "")")
                }
                Output.error("\(stream): snapshot at \(found.revision) of \(LogText.time(found.time))".printable)
                Output.bytes(found.bytes)
            }
        }
    }
}
