import ArgumentParser
import Glibc
import PatchbayConfiguration
import PatchbayEvents
import PatchbayModules
import PatchbayRuntime

/// `patchbay validate`.
struct ValidateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "validate",
        abstract: "Check a configuration file, the modules it needs and their settings.",
        discussion: """
            Reports every error at once, each with file, line, column and what is accepted there. Modules are read, \
            never loaded: none of their code runs, and no event is taken in.

            EXIT CODES
              0  valid: `patchbay run` would start with it
              2  wrong usage, or errors in the file

            EXAMPLES
              patchbay validate -c patchbay.yaml
              patchbay validate -c patchbay.yaml --json
            """)

    @OptionGroup var source: ConfigurationOptions

    @Flag(help: "Print JSON: whether it is valid, what was checked, and the errors.")
    var json = false

    func run() throws {
        let (preparation, blueprint) = try source.blueprint(json: json)
        let checks = Checks(preparation, blueprint)
        if json {
            Output.json(
                .object([
                    ("file", .string(source.file)), ("valid", .bool(true)), ("checked", checks.value),
                    ("warnings", .list(checks.warnings.map { .string($0) })), ("errors", .list([])),
                ]))
            return
        }
        let style = Style(for: STDOUT_FILENO)
        Output.line("\(source.file): \(style.green("valid"))\n\(checks.text)")
        for warning in checks.warnings { Output.line("\(style.yellow("warning:")) \(warning)") }
    }

    /// What stood the test.
    private struct Checks {
        let counts: [(name: String, count: Int, about: String)]
        let warnings: [String]

        init(_ preparation: Preparation, _ blueprint: Blueprint) {
            let configuration = preparation.configuration
            let scan = preparation.catalogue.scan
            counts = [
                ("route", configuration.routes.count, "patterns, filters and expressions compile"),
                ("handler", blueprint.handlers.count, "all exist and take their config"),
                ("module", scan.accepted.count, "fit this host, in \(configuration.modules.directory) or by path"),
                ("source", configuration.sources.count, configuration.sources.map(\.name).joined(separator: ", ")),
            ]
            var warnings: [String] = []
            if configuration.sources.isEmpty { warnings.append("there are no sources, so no event ever comes in") }
            if configuration.routes.isEmpty {
                warnings.append("there are no routes: every event is unmatched (\(configuration.unmatched.rawValue))")
            }
            for source in configuration.sources where source.type == .file && access(source.path, R_OK) != 0 {
                let reason = String(cString: strerror(errno))
                warnings.append("source \(source.name): \(source.path) cannot be read now: \(reason)")
            }
            warnings += scan.rejections.map { "not used: \($0)" }
            warnings += scan.warnings.map(\.description) + scan.accepted.flatMap(\.warnings).map(\.description)
            self.warnings = warnings
        }

        var text: String {
            counts.map { name, count, about in
                let start = "  " + .count(count, name)
                let padding = String(repeating: " ", count: max(1, 14 - start.count))
                return count == 0 || about.isEmpty ? start : start + padding + about
            }.joined(separator: "\n")
        }

        var value: Value { .object(counts.map { ("\($0.name)s", .int(Int64($0.count))) }) }
    }
}
