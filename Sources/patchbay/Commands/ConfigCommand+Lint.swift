import ArgumentParser
import Glibc
import PatchbayConfiguration
import PatchbayEvents
import PatchbayRuntime

extension ConfigCommand {
    /// `patchbay config lint`.
    struct LintCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "lint",
            abstract: "Find what is valid and cannot have the effect that it was written for.",
            discussion: """
                Routes and entries of choices that no event gets to, targets that an earlier route has served, retries that come too late, \
                budgets that never act, breakers that never trip, policies that nothing uses, bulkheads that a handler \
                undercuts, secrets as plain text. Each with its place, the reason, and what to do. Modules are read, \
                never loaded.

                EXIT CODES
                  0  nothing found
                  1  warnings
                  2  wrong usage, or errors in the file

                EXAMPLES
                  patchbay config lint -c patchbay.yaml
                  patchbay config lint -c patchbay.yaml --json
                """)

        @OptionGroup var source: ConfigurationOptions

        @Flag(help: "Print JSON: the warnings, each with code, place, reason and remedy.")
        var json = false

        func run() throws {
            let (preparation, _) = try source.blueprint(json: json)
            let warnings = Linter.warnings(in: preparation.configuration) { name in
                preparation.catalogue.concurrency(of: name).map(HandlerFacts.init)
            }
            if json {
                Output.json(
                    .object([
                        ("file", .string(source.file)), ("valid", .bool(true)), ("errors", .list([])),
                        ("warnings", .list(warnings.map(\.value))),
                    ]))
            } else {
                show(warnings)
            }
            if !warnings.isEmpty { throw ExitCode(1) }
        }

        private func show(_ warnings: [ConfigurationWarning]) {
            let style = Style(for: STDOUT_FILENO)
            for warning in warnings {
                let rest = warning.description.dropFirst("\(warning.location): warning: ".count)
                Output.line(
                    "\(style.bold("\(warning.location):")) \(style.yellow("warning:")) \(String(rest).printable)")
            }
            let found = warnings.isEmpty ? style.green("no warnings") : String.count(warnings.count, "warning")
            Output.line("\(source.file): \(found)")
        }
    }
}

extension ConfigurationWarning {
    /// For scripts.
    fileprivate var value: Value {
        .object([
            ("code", .string(code.rawValue)), ("message", .string(message)), ("reason", .string(reason)),
            ("remedy", .string(remedy)), ("path", .string(path)), ("file", .string(location.file)),
            ("line", .int(Int64(location.line))), ("column", .int(Int64(location.column))),
        ])
    }
}
