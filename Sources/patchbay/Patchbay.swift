import ArgumentParser

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
            """,
        version: Version.text,
        subcommands: [
            RunCommand.self, SendCommand.self, NewCommand.self, ModulesCommand.self, ValidateCommand.self,
            ExplainCommand.self, ConfigCommand.self, VersionCommand.self,
        ])

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let error as ExitCode {
            exit(withError: error)
        } catch {
            let code = exitCode(for: error)
            // Wrong usage is 2, as everywhere in this program; 64 is the parser's own code for it.
            if code == .validationFailure {
                Output.error(fullMessage(for: error))
                exit(withError: ExitCode(2))
            }
            exit(withError: error)
        }
    }
}
