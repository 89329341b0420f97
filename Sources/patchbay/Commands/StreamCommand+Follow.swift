import ArgumentParser
import Glibc
import PatchbayLog
import PatchbayRouting
import PatchbayRuntime

extension StreamCommand {
    struct FollowCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "follow",
            abstract: "Print events of one stream, or of all of them, and go on as more come.",
            discussion: """
                Catches up from --from, then follows, also beside a running host. With --subscription it goes on where \
                the last follower of that name ended, also after kill -9: what was printed is recorded in the log, \
                so an event may be printed twice, and none is left out.

                EXAMPLES
                  patchbay stream follow order-7
                  patchbay stream follow --type 'com.acme.order.*' --json
                  patchbay stream follow audit --subscription mailer --once
                """)

        @Argument(help: "The stream's name; all streams without one.")
        var stream: String?

        @Option(help: ArgumentHelp("Begin with this revision; of all streams, this number.", valueName: "revision"))
        var from: UInt64?

        @Option(help: ArgumentHelp("Go on where the follower of this name ended.", valueName: "name"))
        var subscription: String?

        @Option(help: ArgumentHelp("Only events of this type; * and ** as in routes.", valueName: "pattern"))
        var type: String?

        @Option(help: ArgumentHelp("Only events with this correlationid.", valueName: "id"))
        var correlation: String?

        @Flag(help: "End when everything that is there was printed.")
        var once = false

        @OptionGroup var folder: StreamFolderOptions

        @Flag(help: "Print JSON, one line for each event.")
        var json = false

        /// Between looks at the log, in microseconds.
        private static let pause: UInt32 = 100_000
        /// To record how far it is, while another command has the folder.
        private static let attempts = 100

        func validate() throws {
            if let type, let problem = TypePattern.problem(of: type) {
                throw ValidationError("--type '\(type)': \(problem)")
            }
            if subscription != nil, from != nil {
                throw ValidationError("--subscription says where to begin, and so does --from: give one of them")
            }
        }

        func run() throws {
            try StreamCommand.attempt {
                let filter = StreamFilter(type: try type.map { try TypePattern($0) }, correlation: correlation)
                let start = try subscription.map { try beginning(of: $0) } ?? from ?? 0
                let follower = StreamFollower(folder: try folder.path(), stream: stream, from: start, filter: filter)
                let style = Style(for: STDOUT_FILENO)
                var recorded = start
                while !Output.hasFailed {
                    let count = try follower.poll { event in
                        Output.line(json ? event.json : event.text(style, naming: stream == nil))
                    }
                    if let subscription, follower.next > recorded, !Output.hasFailed {
                        try record(follower.next, of: subscription)
                        recorded = follower.next
                    }
                    if once { return }
                    if count == 0 { usleep(Self.pause) }
                }
            }
        }

        /// Another command may have the folder for a moment.
        private func record(_ next: UInt64, of name: String) throws {
            for attempt in 0... {
                do {
                    _ = try folder.apply(.subscription(name: name, stream: stream ?? "", next: next))
                    return
                } catch let error as LogError where error.code == .locked && attempt < Self.attempts {
                    usleep(Self.pause)
                }
            }
        }

        /// Where a subscription goes on; it is of one stream for ever.
        private func beginning(of name: String) throws -> UInt64 {
            guard let known = try folder.stored().streams.subscriptions[name] else { return 0 }
            guard known.stream == stream ?? "" else {
                let whose = known.stream.isEmpty ? "all streams" : "stream '\(known.stream)'"
                throw StreamRefusal.impossible("subscription '\(name)' is of \(whose)")
            }
            return known.next
        }
    }
}
