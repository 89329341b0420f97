import ArgumentParser
import CPatchbaySystem
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

        @Option(help: ArgumentHelp("At most so many letters a second, such as 50/s.", valueName: "N/s"))
        var rate: Rate?

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

        func selected(
            _ letters: StoredLetters, _ body: (StoredLetter) throws -> Bool = { _ in true }
        ) throws -> [LetterID] {
            try DeadLetterCommand.selected(letters, filter.selection(ids: ids), body)
        }

        var who: String { by ?? DeadLetterCommand.user }

        /// What was done, or would be.
        private func report(_ done: Done, _ stored: StoredLetters, _ past: String, _ future: String) throws {
            if json {
                return Output.json(
                    .object([
                        ("count", .int(Int64(done.letters.count))), ("dryRun", .bool(dryRun)),
                        ("host", .bool(done.isOnline)), ("interrupted", .bool(done.isInterrupted)),
                        ("letters", .list(done.letters.map { .string("\($0)") })),
                    ]))
            }
            for start in stride(from: 0, to: dryRun ? done.letters.count : 0, by: Self.pageLetters) {
                let page = done.letters[start..<min(start + Self.pageLetters, done.letters.count)]
                Output.line(LetterText.table(try page.compactMap { try stored.letter($0) }, Style(for: STDOUT_FILENO)))
            }
            Output.line("\(String.count(done.letters.count, "dead letter")) \(dryRun ? future : past)")
        }

        /// A line on the terminal while a long change goes on.
        private func progress(_ done: Int, of count: Int) {
            guard isatty(STDERR_FILENO) == 1, count > 1_000 || rate != nil else { return }
            Output.write(
                done < count ? "\r\u{1B}[K\(done) of \(count)" : "\r\u{1B}[K", to: STDERR_FILENO)
        }

        /// Letters of one table.
        private static let pageLetters = 1000

        private struct Done {
            var letters: [LetterID] = []
            /// A host did it.
            var isOnline = false
            var isInterrupted = false
        }

        /// Changes the letters step by step, at the rate that is asked for, and says what was done, also when an error
        /// or Ctrl-C ends it early.
        func apply(
            to letters: [LetterID], in stored: StoredLetters, routes: [String] = [], handlers: [String] = [],
            target: String? = nil, _ report: (past: (_ isOnline: Bool) -> String, future: String),
            _ body: (inout LetterDesk, [LetterID]) throws -> Void
        ) throws {
            var done = Done()
            if dryRun || letters.isEmpty {
                // Nothing is written without a host either, and nothing is asked of one that is busy.
                done.letters = letters
                if let target { try LetterDesk.check(folder: stored.folder, target: target, who: who) }
                return try self.report(done, stored, report.past(false), report.future)
            }
            let interruption = Interruption()
            var desk = try LetterDesk(folder: stored.folder, routes: routes, handlers: handlers, who: who)
            desk.isGivenUp = { interruption.isPressing() }
            done.isOnline = desk.isOnline
            if let target { try desk.check(target: target) }
            var pace = Pace(rate: rate?.perSecond, stepMax: LetterDesk.lettersMax)
            var failure: (any Error)?
            while done.letters.count < letters.count, failure == nil {
                if interruption.wait(pace.wait(now: pbs_now())) {
                    done.isInterrupted = true
                    break
                }
                let step = Array(letters[done.letters.count...].prefix(pace.step))
                do {
                    pace.did(step.count, now: pbs_now())
                    try body(&desk, step)
                    done.letters += step
                } catch {
                    failure = error
                }
                progress(done.letters.count, of: letters.count)
            }
            progress(letters.count, of: letters.count)
            try self.report(done, stored, report.past(done.isOnline), report.future)
            if let failure { throw failure }
            guard done.isInterrupted else { return }
            throw Output.failure(
                "interrupted: \(done.letters.count) of \(letters.count) were done", code: Interruption.exitCode)
        }
    }

    struct RedriveCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "redrive",
            abstract: "Deliver dead letters again: to the handler they died at, or to another one.",
            discussion: """
                The event is accepted anew, as it was or as the last edit made it, for that handler alone, and delivered \
                with all attempts that the policy gives: by the host that runs, or else by the next run. It keeps its id, \
                so the handler's idempotency key is the same. --to takes any handler of the host, such as that of another \
                version of the module that runs as another instance; the log keeps who sent which letter where. Letters \
                that were redriven often already are left out: --cap. Ctrl-C stops between two steps and says how many were done; the exit code is 130 then.

                EXAMPLES
                  patchbay dlq redrive 812-0
                  patchbay dlq redrive --group 3f2a9c --dry-run
                  patchbay dlq redrive --class transient --rate 50/s
                  patchbay dlq redrive --handler billing.charge --to billing-2.charge
                """)

        @OptionGroup var change: ChangeOptions

        @Option(help: ArgumentHelp("Give them to this handler instead.", valueName: "module.handler"))
        var to: String?

        @Option(help: ArgumentHelp("Leave out what was redriven so often.", valueName: "times"))
        var cap = 5

        func run() throws {
            try DeadLetterCommand.attempt {
                let letters = try change.folder.letters()
                let known = letters.handlers.filter { !$0.isEmpty }
                if let to, !known.contains(to) {
                    throw Output.failure(
                        "no run on this log had a handler '\(to)'; it knows \(known.joined(separator: ", "))", code: 2)
                }
                var leftOut = 0
                var routes: Set<String> = []
                var handlers: Set<String> = []
                let redriven = try change.selected(letters) { letter in
                    guard letter.event.redrives < cap else {
                        leftOut += 1
                        return false
                    }
                    guard to != nil || !letter.handler.isEmpty else {
                        throw Output.failure(
                            "no route took the event of \(letter.id); say who gets it with --to", code: 2)
                    }
                    if let hindrance = letter.redriveHindrance { throw Output.failure(hindrance, code: 2) }
                    routes.insert(letter.redriveRoute)
                    handlers.insert(to ?? letter.handler)
                    return true
                }
                if leftOut > 0 {
                    Output.error("\(leftOut) were redriven \(cap) times already and are left out; raise --cap")
                }
                try change.apply(
                    to: redriven, in: letters, routes: routes.sorted(), handlers: handlers.sorted(), target: to,
                    (
                        { "redriven: the \($0 ? "running host" : "next run") delivers them" },
                        "would be redriven; nothing was changed"
                    )
                ) { desk, step in try desk.redrive(step, of: letters, to: to) }
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
                try change.apply(
                    to: selected, in: letters, ({ _ in "purged" }, "would be purged; nothing was changed")
                ) { desk, step in try desk.purge(step, of: letters) }
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
                var desk = try LetterDesk(
                    folder: letters.folder, routes: [], handlers: [], who: by ?? DeadLetterCommand.user)
                try desk.edit(letter, to: event)
                Output.line("a redrive of \(letter.id) delivers this")
            }
        }
    }
}
