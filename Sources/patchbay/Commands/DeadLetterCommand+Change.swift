import ArgumentParser
import Glibc
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayRuntime

extension DeadLetterCommand {
    /// What a redrive and a purge have in common: which letters, and whether it is meant.
    struct ChangeOptions: ParsableArguments {
        @Argument(help: "Ids of letters, as lists show them.")
        var ids: [LetterID] = []

        @OptionGroup var filter: LetterFilterOptions

        @Flag(help: "All letters.")
        var all = false

        @OptionGroup var folder: LetterFolderOptions

        @Flag(name: .customLong("dry-run"), help: "Only say what would be done.")
        var dryRun = false

        @Option(help: ArgumentHelp("Who does it, for the record; by default the user.", valueName: "name"))
        var by: String?

        @Flag(help: "Print JSON: the count and the letters' ids.")
        var json = false

        func validate() throws {
            let isOpen = try filter.selection(ids: ids).isOpen
            guard isOpen == all else {
                throw ValidationError(
                    all
                        ? "--all takes every letter; leave out ids and filters"
                        : "name letters, filter them, or say --all")
            }
        }

        func selected(_ letters: StoredLetters) throws -> [StoredLetter] {
            try DeadLetterCommand.selected(letters, filter.selection(ids: ids))
        }

        var who: String { by ?? DeadLetterCommand.user }

        /// Says what was done, or would be.
        func report(_ letters: [StoredLetter], _ past: String, _ future: String) {
            if json {
                return Output.json(
                    .object([
                        ("count", .int(Int64(letters.count))), ("dryRun", .bool(dryRun)),
                        ("letters", .list(letters.map { .string("\($0.id)") })),
                    ]))
            }
            if dryRun, !letters.isEmpty { Output.line(LetterText.table(letters, Style(for: STDOUT_FILENO))) }
            Output.line("\(String.count(letters.count, "dead letter")) \(dryRun ? future : past)")
        }

        /// A line on the terminal while a long change goes on.
        func progress(_ done: Int, of count: Int) {
            guard isatty(STDERR_FILENO) == 1, count > 1_000 else { return }
            Output.write(
                done < count ? "\r\u{1B}[K\(done) of \(count)" : "\r\u{1B}[K", to: STDERR_FILENO)
        }
    }

    struct RedriveCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "redrive",
            abstract: "Deliver dead letters again: to the handler they died at, or to another one.",
            discussion: """
                The event is accepted anew, as it was or as the last edit made it, for that handler alone, and the next \
                run delivers it with all attempts that the policy gives. It keeps its id, so the handler's idempotency \
                key is the same. Letters that were redriven often already are left out: --cap.

                EXAMPLES
                  patchbay dlq redrive 812-0
                  patchbay dlq redrive --group 3f2a9c --dry-run
                  patchbay dlq redrive --handler billing.charge --to billing.retry
                """)

        @OptionGroup var change: ChangeOptions

        @Option(help: ArgumentHelp("Give them to this handler instead.", valueName: "module.handler"))
        var to: String?

        @Option(help: ArgumentHelp("Leave out what was redriven so often.", valueName: "times"))
        var cap = 5

        func run() throws {
            try DeadLetterCommand.attempt {
                let letters = try change.folder.letters()
                let selected = try change.selected(letters)
                let redriven = selected.filter { $0.event.redrives < cap }
                if redriven.count < selected.count {
                    Output.error(
                        "\(selected.count - redriven.count) were redriven \(cap) times already and are left out; raise --cap"
                    )
                }
                for letter in redriven where (to ?? letter.handler).isEmpty {
                    throw Output.failure("no route took the event of \(letter.id); say who gets it with --to", code: 2)
                }
                if let to, !letters.handlers.contains(to) {
                    throw Output.failure(
                        "no run on this log had a handler '\(to)'; it knows \(letters.handlers.joined(separator: ", "))",
                        code: 2)
                }
                if !change.dryRun, !redriven.isEmpty {
                    var operations = try LetterOperations(
                        folder: letters.folder, routes: Array(Set(redriven.map(\.route))).sorted(),
                        handlers: Array(Set(redriven.map { to ?? $0.handler })).sorted(), who: change.who)
                    try operations.redrive(redriven, to: to) { change.progress($0, of: redriven.count) }
                }
                change.report(
                    redriven, "redriven: the next run delivers them", "would be redriven; nothing was changed")
            }
        }
    }

    struct PurgeCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "purge",
            abstract: "Throw dead letters away; that it was done, and by whom, stays in the log.",
            discussion: """
                EXAMPLES
                  patchbay dlq purge 812-0 813-0
                  patchbay dlq purge --class unmatched --dry-run
                  patchbay dlq purge --all
                """)

        @OptionGroup var change: ChangeOptions

        func run() throws {
            try DeadLetterCommand.attempt {
                let letters = try change.folder.letters()
                let selected = try change.selected(letters)
                if !change.dryRun, !selected.isEmpty {
                    var operations = try LetterOperations(
                        folder: letters.folder, routes: [], handlers: [], who: change.who)
                    try operations.purge(selected) { change.progress($0, of: selected.count) }
                }
                change.report(selected, "purged", "would be purged; nothing was changed")
            }
        }
    }

    struct EditCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "edit",
            abstract: "Say what a redrive delivers instead of the event; the letter stays as it is.",
            discussion: """
                Takes the whole event as CloudEvents JSON, and shows what differs. The last edit counts.

                EXAMPLES
                  patchbay dlq show 812-0 --json | jq .redriven > event.json
                  patchbay dlq edit 812-0 -f event.json --dry-run
                  patchbay dlq edit 812-0 -f event.json && patchbay dlq redrive 812-0
                """)

        @Argument(help: "The letter's id, as lists show it.")
        var id: LetterID

        @Option(name: .shortAndLong, help: ArgumentHelp("The event; - is standard input.", valueName: "path"))
        var file: String

        @OptionGroup var folder: LetterFolderOptions

        @Flag(name: .customLong("dry-run"), help: "Only show what differs.")
        var dryRun = false

        @Option(help: ArgumentHelp("Who does it, for the record; by default the user.", valueName: "name"))
        var by: String?

        func run() throws {
            try DeadLetterCommand.attempt {
                let letters = try folder.letters()
                guard let letter = try letters.letter(id) else {
                    throw Output.failure("\(letters.folder) keeps no dead letter \(id)", code: 2)
                }
                let event: Event
                do {
                    event = try CloudEventsCodec.ofStored().event(try InputFile(file).rest())
                } catch let error as CloudEventsError {
                    throw Output.failure("\(file): \(error.message)", code: 2)
                }
                let before = try LetterText.lines(letter.redriven())
                var edited = letter
                edited.edit = event.json
                let after = try LetterText.lines(edited.redriven())
                let difference = after.difference(from: before)
                guard !difference.isEmpty else {
                    return Output.line("it is what a redrive delivers already; nothing was changed")
                }
                Output.line(LetterText.difference(before, after, Style(for: STDOUT_FILENO)))
                guard !dryRun else { return }
                var operations = try LetterOperations(
                    folder: letters.folder, routes: [], handlers: [], who: by ?? DeadLetterCommand.user)
                try operations.edit(letter, to: event)
                Output.line("a redrive of \(letter.id) delivers this")
            }
        }
    }
}
