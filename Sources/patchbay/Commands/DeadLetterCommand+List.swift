import ArgumentParser
import Glibc
import PatchbayEvents
import PatchbayLog
import PatchbayRuntime

extension DeadLetterCommand {
    struct ListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List dead letters, oldest first.",
            discussion: """
                EXAMPLES
                  patchbay dlq list
                  patchbay dlq list --type 'com.acme.order.*' --limit 20
                  patchbay dlq list -c patchbay.yaml --json | jq '.[].reason'
                """)

        @OptionGroup var folder: LetterFolderOptions
        @OptionGroup var filter: LetterFilterOptions

        @Option(help: ArgumentHelp("Show at most so many.", valueName: "count"))
        var limit = 100

        @Flag(help: "Print JSON: an array of letters.")
        var json = false

        func run() throws {
            try DeadLetterCommand.attempt {
                let letters = try folder.letters()
                let selection = try filter.selection()
                var shown: [StoredLetter] = []
                var more = 0
                try letters.forEach { letter in
                    guard selection.takes(letter) else { return true }
                    if shown.count < limit { shown.append(letter) } else { more += 1 }
                    return true
                }
                if json { return Output.json(.list(shown.map(\.summary))) }
                Output.line(LetterText.table(shown, Style(for: STDOUT_FILENO)))
                if more > 0 { Output.line("and \(UInt64(more).grouped) more; --limit shows more of them") }
            }
        }
    }

    struct ShowCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Show one dead letter: its event, why it died, each attempt.",
            discussion: """
                EXAMPLES
                  patchbay dlq show 812-0
                  patchbay dlq show 812-0 --json
                """)

        @Argument(help: "The letter's id, as lists show it.")
        var id: LetterID

        @OptionGroup var folder: LetterFolderOptions

        @Flag(help: "Print JSON: the letter, its event and its attempts.")
        var json = false

        func run() throws {
            try DeadLetterCommand.attempt {
                let letters = try folder.letters()
                guard let letter = try letters.letter(id) else {
                    throw Output.failure("\(letters.folder) keeps no dead letter \(id)", code: 2)
                }
                if json { return Output.line(try letter.json()) }
                Output.line(try LetterText.full(letter, Style(for: STDOUT_FILENO)))
            }
        }
    }

    struct StatsCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stats",
            abstract: "Count dead letters by group: those that died alike, largest first.",
            discussion: """
                A group has one handler, failure class, event type and reason, numbers in the reason left aside.

                EXAMPLES
                  patchbay dlq stats
                  patchbay dlq stats --handler billing.charge --json
                """)

        @OptionGroup var folder: LetterFolderOptions
        @OptionGroup var filter: LetterFilterOptions

        @Flag(help: "Print JSON: the count and an array of groups.")
        var json = false

        func run() throws {
            try DeadLetterCommand.attempt {
                let letters = try folder.letters()
                let selection = try filter.selection()
                var groups: [String: LetterGroup] = [:]
                var count = 0
                try letters.forEach { letter in
                    guard selection.takes(letter) else { return true }
                    count += 1
                    groups[letter.group, default: LetterGroup(letter)].add(letter)
                    return true
                }
                let sorted = groups.values.sorted { ($1.count, $0.example.group) < ($0.count, $1.example.group) }
                if json {
                    return Output.json(
                        .object([("count", .int(Int64(count))), ("groups", .list(sorted.map(\.value)))]))
                }
                Output.line(LetterText.groups(sorted, Style(for: STDOUT_FILENO)))
                Output.line(String.count(count, "dead letter") + " in " + String.count(sorted.count, "group"))
            }
        }
    }
}
