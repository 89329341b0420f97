import ArgumentParser
import Glibc
import PatchbayLog
import PatchbayRouting
import PatchbayRuntime

/// `patchbay dlq`.
struct DeadLetterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dlq",
        abstract: "Look at dead letters in a data folder, correct them, deliver them again, throw them away.",
        discussion: """
            For logs in files (log: {backend: file}). list, show and stats read only. edit, redrive and purge ask the \
            host that runs on the folder, and change the folder themselves when none does. What they do is in the log, \
            with who did it. A redriven letter is accepted anew for its handler and delivered at once, or by the next run.

            EXAMPLES
              patchbay dlq stats
              patchbay dlq list --handler billing.charge --class transient
              patchbay dlq redrive --group 3f2a9c --dry-run
            """,
        subcommands: [
            ListCommand.self, ShowCommand.self, StatsCommand.self, EditCommand.self, RedriveCommand.self,
            PurgeCommand.self,
        ])
}

/// Whose dead letters.
struct LetterFolderOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("The data folder; the same as log.path of a configuration.", valueName: "folder"),
        completion: .directory)
    var data: String?

    @Option(
        name: [.customShort("c"), .customLong("config")],
        help: ArgumentHelp("Look at the data folder of this configuration file.", valueName: "file"),
        completion: .configurations)
    var file: String?

    func validate() throws {
        if data != nil, file != nil {
            throw ValidationError("name a data folder, or a configuration with -c, not both")
        }
    }

    func path() throws -> String { try DataFolderOptions.path(data, configuration: file) }

    func letters() throws -> StoredLetters {
        do {
            return try StoredLetters(folder: try path())
        } catch let error as StoredEventError {
            throw Output.failure("\(error)", code: error.code == .noLog ? 2 : 1)
        }
    }
}

/// Which letters.
struct LetterFilterOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Of this group, or whose group begins so; `dlq stats` lists them.", valueName: "group"))
    var group: String?

    @Option(help: ArgumentHelp("That died at this handler.", valueName: "module.handler"), completion: .handlers)
    var handler: String?

    @Option(
        name: .customLong("class"),
        help: ArgumentHelp("Of this failure class: transient, permanent, timeout, unmatched, …", valueName: "class"),
        completion: .failureClasses)
    var failureClass: String?

    @Option(help: ArgumentHelp("Whose event has this type; * and ** as in routes.", valueName: "pattern"))
    var type: String?

    func validate() throws {
        if let type, let problem = TypePattern.problem(of: type) {
            throw ValidationError("--type '\(type)': \(problem)")
        }
    }

    func selection(ids: [LetterID] = []) throws -> LetterSelection {
        var selection = LetterSelection()
        selection.ids = ids
        selection.group = group
        selection.handler = handler
        selection.failureClass = failureClass
        selection.type = try type.map { try TypePattern($0) }
        return selection
    }
}

extension LetterID: ExpressibleByArgument {
    /// `sequence-index`, as lists show it.
    public init?(argument: String) { self.init(argument) }
}

extension DeadLetterCommand {
    /// Runs `body`; errors of the log end the command.
    static func attempt(_ body: () throws -> Void) throws {
        do {
            try body()
        } catch let error as LogError {
            throw Output.failure(error.message, code: error.code == .locked ? 2 : 1)
        } catch let error as ControlFailure {
            let code: Int32 =
                switch error.code {
                case .interrupted: Interruption.exitCode
                case .handler: 2
                default: 1
                }
            throw Output.failure(error.message, code: code)
        } catch let error as ExitCode {
            throw error
        } catch let error as ValidationError {
            throw error
        } catch {
            throw Output.failure("\(error)", code: 1)
        }
    }

    /// The kept letters that are selected, oldest first: their ids, since there may be more than fit memory. `body` sees
    /// each letter and says whether it is one of them.
    static func selected(
        _ letters: StoredLetters, _ selection: LetterSelection, _ body: (StoredLetter) throws -> Bool
    ) throws -> [LetterID] {
        var found: [LetterID] = []
        guard !selection.ids.isEmpty else {
            try letters.forEach { letter in
                if selection.takes(letter), try body(letter) { found.append(letter.id) }
                return true
            }
            return found
        }
        for id in Set(selection.ids).sorted() {
            guard let letter = try letters.letter(id), selection.takes(letter) else {
                throw Output.failure("\(letters.folder) keeps no dead letter \(id)", code: 2)
            }
            if try body(letter) { found.append(id) }
        }
        return found
    }

    /// Who is at the keyboard.
    static var user: String {
        guard let entry = getpwuid(getuid()), let name = entry.pointee.pw_name else { return "uid \(getuid())" }
        return String(cString: name)
    }
}
