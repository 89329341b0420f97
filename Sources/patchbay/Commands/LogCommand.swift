import ArgumentParser
import Glibc
import PatchbayConfiguration
import PatchbayLog

/// `patchbay log`.
struct LogCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Look into a data folder: is it whole, what is in it, how large is it.",
        discussion: """
            Reads only: nothing is locked or changed, so a host may have the folder open. What it writes meanwhile may \
            or may not be seen.

            EXAMPLES
              patchbay log verify ./data
              patchbay log dump ./data --from 1000 --to 1010
              patchbay log stat -c patchbay.yaml --json
            """,
        subcommands: [VerifyCommand.self, DumpCommand.self, StatCommand.self])
}

/// Which data folder.
struct DataFolderOptions: ParsableArguments {
    @Argument(help: "The data folder; the same as log.path of a configuration.", completion: .directory)
    var path: String?

    @Option(
        name: [.customShort("c"), .customLong("config")],
        help: ArgumentHelp("Look at the data folder of this configuration file.", valueName: "file"),
        completion: .configurations)
    var file: String?

    func validate() throws {
        if path != nil, file != nil {
            throw ValidationError("name a data folder, or a configuration with -c, not both")
        }
    }

    func folder() throws -> DataFolder { try DataFolder(Self.path(path, configuration: file)) }

    /// `path`, or the data folder of a configuration; without either that of ./patchbay.yaml when there is one, else
    /// ./data.
    static func path(_ path: String?, configuration file: String?) throws -> String {
        if let path { return path }
        guard file != nil || access("patchbay.yaml", F_OK) == 0 else { return "./data" }
        let file = file ?? "patchbay.yaml"
        let draft = Configuration.read(path: file, inputs: .ofProcess())
        if draft.errors.contains(where: { $0.code == .unreadable || $0.code == .syntax || $0.path.hasPrefix("log") }) {
            throw ConfigurationOptions.report(draft.errors, in: file)
        }
        return draft.configuration.log.path
    }
}

/// A data folder that is looked at.
struct DataFolder {
    let path: String
    let log: FileStorage
    /// `nil` before the first checkpoint was ever written.
    let checkpoints: FileStorage?

    init(_ path: String) throws {
        self.path = path
        do throws(StorageError) {
            log = try FileStorage("\(path)/log")
        } catch {
            let remedy = error.isMissing ? "\(path) is no data folder; give the folder that log.path names" : "\(error)"
            throw Output.failure(remedy, code: 2)
        }
        do throws(StorageError) {
            checkpoints = try FileStorage("\(path)/checkpoint")
        } catch {
            guard error.isMissing else { throw Output.failure("\(error)", code: 2) }
            checkpoints = nil
        }
    }

    /// Routes and handlers by their numbers, as far as the latest whole checkpoint has them.
    func names() throws -> NameTable {
        guard let checkpoints else { return NameTable() }
        let found = try logged { () throws(StorageError) in try CheckpointStore(checkpoints).loadAll() }
        return found.whole.last?.ledger.names ?? NameTable()
    }

    /// Ends the command for an error of the log: 1 when the log is not right, 2 when it cannot be read.
    static func failure(_ error: LogError) -> ExitCode {
        Output.failure(error.message, code: error.code == .corrupt || error.code == .missing ? 1 : 2)
    }
}
