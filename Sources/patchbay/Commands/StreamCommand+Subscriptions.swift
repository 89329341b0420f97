import ArgumentParser
import Glibc
import PatchbayEvents
import PatchbayRuntime

extension StreamCommand {
    struct SubscriptionsCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "subscriptions",
            abstract: "List what handlers have subscribed to, and how far they are.",
            discussion: """
                By handler and name: the stream, what of it is asked for, the revision that comes next, how many events \
                lie behind that (the lag), and how many are delivered and neither done nor dead letters. What \
                `patchbay stream follow --subscription` records is not among them.

                EXAMPLES
                  patchbay stream subscriptions
                  patchbay stream subscriptions --folder ./data --json | jq '.[] | select(.lag > 0)'
                """)

        @OptionGroup var folder: StreamFolderOptions

        @Flag(help: "Print JSON: an array of subscriptions.")
        var json = false

        func run() throws {
            try StreamCommand.attempt {
                let all = try StoredSubscription.all(in: folder.path()).sorted {
                    ($0.handler, $0.name) < ($1.handler, $1.name)
                }
                if json { return Output.json(.list(all.map(\.value))) }
                guard !all.isEmpty else { return Output.line("no subscriptions") }
                let rows = all.map { found in
                    [
                        found.handler.printable, found.name.printable, found.wish.stream.printable, found.filter,
                        "\(found.wish.from)", "\(found.lag)", "\(found.unsettled)",
                    ]
                }
                Output.line(
                    TextTable.columns(
                        ["handler", "name", "stream", "filter", "next", "lag", "unsettled"], rows,
                        Style(for: STDOUT_FILENO)))
            }
        }
    }

    struct UnsubscribeCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "unsubscribe",
            abstract: "End a handler's subscription to a stream.",
            discussion: """
                For handlers that are not there any more, above all: one that subscribes when it is created does so \
                again at the next start, from the beginning that it asks for. What is delivered already goes on.

                EXAMPLES
                  patchbay stream unsubscribe shop.projection orders
                  patchbay stream unsubscribe shop.projection orders --folder ./data
                """)

        @Argument(help: "The handler, as routes name it.")
        var handler: String

        @Argument(help: "The subscription's name.")
        var name: String

        @OptionGroup var folder: StreamFolderOptions

        func run() throws {
            try StreamCommand.attempt {
                var desk = try StreamDesk(folder: folder.path(), who: DeadLetterCommand.user)
                try desk.unsubscribe(name, of: handler)
                Output.line("\(handler): subscription '\(name)' ended".printable)
            }
        }
    }
}

extension StoredSubscription {
    /// What of the stream is asked for, for people; empty is everything.
    fileprivate var filter: String {
        let parts = [
            wish.type.isEmpty ? nil : "type \(wish.type)",
            wish.correlation.isEmpty ? nil : "correlationid \(wish.correlation)",
        ]
        return parts.compactMap { $0 }.joined(separator: ", ").printable
    }

    /// For scripts.
    fileprivate var value: Value {
        .object([
            ("handler", .string(handler)), ("name", .string(name)), ("stream", .string(wish.stream)),
            ("type", wish.type.isEmpty ? .null : .string(wish.type)),
            ("correlation", wish.correlation.isEmpty ? .null : .string(wish.correlation)), ("next", .uint(wish.from)),
            ("lag", .uint(lag)), ("unsettled", .int(Int64(unsettled))),
        ])
    }
}
