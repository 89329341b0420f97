import ArgumentParser
import PatchbayConfiguration

/// The command line.
@main
struct Patchbay: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "patchbay",
        abstract: "Hosts handler modules and routes CloudEvents to them.",
        discussion: """
            Handlers are shared objects built against the SDK and dropped into a directory; a YAML file says which \
            events they get, with retries, circuit breakers, bulkheads and tracing.

            EXAMPLES
              patchbay new handler greeter --language c
                  start a handler of your own
              patchbay validate -c patchbay.yaml
                  check a configuration and its modules
              patchbay run -c patchbay.yaml --trace console
                  run it and watch every event's journey
              patchbay send --type com.example.hello --data '{"n":1}'
                  send an event to a running host
              patchbay explain event.json -c patchbay.yaml
                  see which routes take an event, and why
              patchbay test
                  run the tests of routes and policies in this folder
              source <(patchbay --generate-completion-script bash)
                  complete commands, files and names in this shell; zsh and fish have scripts, too
            """,
        version: Version.text,
        subcommands: [
            RunCommand.self, SendCommand.self, NewCommand.self, ModulesCommand.self, ValidateCommand.self,
            CheckCommand.self, ExplainCommand.self, TestCommand.self, LogCommand.self,
            DeadLetterCommand.self, ReplayCommand.self, RerunCommand.self,
            StreamCommand.self, ReloadCommand.self, ViewsCommand.self, ConfigCommand.self, KeygenCommand.self,
            SignCommand.self, VerifyCommand.self, VersionCommand.self,
        ])

    static func main() {
        do {
            var command = try parseAsRoot()
            do {
                try run(&command)
            } catch let error as ValidationError {
                let name = type(of: command).configuration.commandName ?? ""
                Output.error("Error: \(error.message)\n  See 'patchbay \(name) --help' for more information.")
                exit(withError: ExitCode(2))
            }
        } catch let error as ExitCode {
            exit(withError: error)
        } catch {
            if let word = CommandLine.arguments.dropFirst().first, let suggestion = suggestion(for: word) {
                Output.error("Error: There is no command '\(word)'; \(suggestion)")
                exit(withError: ExitCode(2))
            }
            // Wrong usage is 2, as everywhere in this program; 64 is the parser's own code for it.
            if exitCode(for: error) == .validationFailure {
                Output.error(fullMessage(for: error))
                exit(withError: ExitCode(2))
            }
            // Help and the version are results, too.
            if exitCode(for: error).isSuccess {
                Output.line(fullMessage(for: error))
                exit(withError: endOfOutput(.success))
            }
            exit(withError: error)
        }
    }

    /// Runs it to its end; a result that could not be written is a failure, too.
    private static func run(_ command: inout any ParsableCommand) throws {
        var code = ExitCode.success
        do {
            try command.run()
        } catch let error as ExitCode {
            code = error
        }
        code = endOfOutput(code)
        if !code.isSuccess { throw code }
    }

    /// `code`, or a failure where standard output refused something.
    private static func endOfOutput(_ code: ExitCode) -> ExitCode {
        guard Output.hasFailed else { return code }
        return Output.failure(
            "standard output cannot be written: \(Output.failureReason)", code: code.rawValue == 2 ? 2 : 1)
    }

    /// What to write instead of a first word that is no command; `nil` when it is one, or an option.
    private static func suggestion(for word: String) -> String? {
        let names = configuration.subcommands.compactMap { $0.configuration.commandName } + ["help"]
        guard !word.hasPrefix("-"), !names.contains(word) else { return nil }
        if let near = Suggestion.nearest(to: word, among: names) { return "did you mean '\(near)'?" }
        return "there are \(names.joined(separator: ", "))"
    }
}
