import ArgumentParser
import Glibc
import PatchbayEvents
import PatchbayLog
import PatchbayRuntime

/// `patchbay stream`.
struct StreamCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stream",
        abstract: "Append events to streams in a data folder, and read them.",
        discussion: """
            A stream is a name with events in order, numbered from 0: its revisions. Streams are for logs in files \
            (log: {backend: file}) and are kept until they are truncated or deleted. A host that runs does what \
            changes them; without one it is done in the folder.

            EXIT CODES
              0  done
              1  the log is damaged, or the disk failed
              2  wrong usage, or a folder that cannot be read or that a host has
              3  the stream is at another revision than was expected, or deleted

            EXAMPLES
              patchbay stream append order-7 --type com.acme.order.placed --data '{"n":1}' --expect none
              patchbay stream read order-7
              patchbay stream read --correlation 4f1c --json
              patchbay stream list -c patchbay.yaml
              patchbay stream subscriptions
            """,
        subcommands: [
            AppendCommand.self, ReadCommand.self, ListCommand.self, SnapshotCommand.self, TruncateCommand.self,
            DeleteCommand.self, FollowCommand.self, SubscriptionsCommand.self, UnsubscribeCommand.self,
        ])

    /// Runs `body`; errors of streams and of the log end the command.
    static func attempt(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as StreamRefusal {
            let isImpossible = if case .impossible = error { true } else { false }
            throw Output.failure("\(error)", code: isImpossible ? 2 : 3)
        } catch let error as ControlFailure where error.code == .stream || error.code == .malformed {
            throw Output.failure(error.message, code: error.code == .stream ? 3 : 2)
        } catch let error as StoredEventError {
            throw Output.failure("\(error)", code: error.code == .noLog ? 2 : 1)
        } catch let error as InputFile.Failure {
            throw Output.failure("\(error)", code: 2)
        } catch {
            try DeadLetterCommand.attempt { throw error }
        }
    }
}

/// Whose streams.
struct StreamFolderOptions: ParsableArguments {
    // Not --data as elsewhere: that is an event's.
    @Option(
        name: .customLong("folder"),
        help: ArgumentHelp("The data folder; the same as log.path of a configuration.", valueName: "folder"),
        completion: .directory)
    var data: String?

    @Option(
        name: [.customShort("c"), .customLong("config")],
        help: ArgumentHelp("Use the data folder of this configuration file.", valueName: "file"),
        completion: .configurations)
    var file: String?

    func validate() throws {
        if data != nil, file != nil {
            throw ValidationError("name a data folder, or a configuration with -c, not both")
        }
    }

    func path() throws -> String { try DataFolderOptions.path(data, configuration: file) }

    func stored() throws -> StoredStreams { try StoredStreams(folder: path()) }

    /// Through the host that runs, or in the folder while none does.
    func apply(_ change: StreamChange, isGivenUp: @escaping () -> Bool = { false }) throws -> StreamResult {
        var desk = try StreamDesk(folder: path(), who: DeadLetterCommand.user)
        desk.isGivenUp = isGivenUp
        return try desk.apply(change)
    }
}

extension ExpectedRevision: ExpressibleByArgument {
    /// `any`, `none`, `exists` or a revision.
    public init?(argument: String) { self.init(word: argument) }
}
