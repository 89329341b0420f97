import ArgumentParser
import Glibc
import PatchbayConfiguration
import PatchbayRuntime

/// `patchbay config`.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Show the configuration's schema or what a file resolves to, or look for what has no effect.",
        discussion: """
            EXAMPLES
              patchbay config schema > patchbay.schema.json
              patchbay config effective -c patchbay.yaml
              patchbay config lint -c patchbay.yaml
            """,
        subcommands: [SchemaCommand.self, EffectiveCommand.self, LintCommand.self])

    struct SchemaCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "schema",
            abstract: "Print the JSON Schema (draft-07) of the configuration file.",
            discussion: """
                Editors complete and check the file with it. Those with yaml-language-server find it by the file's first \
                line:

                  # yaml-language-server: $schema=patchbay.schema.json

                EXAMPLES
                  patchbay config schema > patchbay.schema.json
                  patchbay config schema --tests > patchbay-tests.schema.json
                """)

        @Flag(help: "The schema of files of tests, *.test.yaml, instead.")
        var tests = false

        // The schema is JSON as it is; scripts that always say --json are not refused.
        @Flag(help: ArgumentHelp("The schema is always JSON.", visibility: .hidden))
        var json = false

        func run() { Output.line(tests ? TestFile.jsonSchema() : Configuration.jsonSchema()) }
    }

    struct EffectiveCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "effective",
            abstract: "Print every value that a run would use, with where it came from.",
            discussion: """
                Behind each value stands the file and line that set it, or 'default'. Secrets are redacted. Without \
                secrets the output is a configuration file that means the same.

                EXAMPLES
                  patchbay config effective -c patchbay.yaml
                  patchbay config effective -c patchbay.yaml --json
                """)

        @OptionGroup var source: ConfigurationOptions

        @Flag(help: "Print JSON: the configuration, and the origins by path.")
        var json = false

        func run() throws {
            let effective = EffectiveConfiguration(try source.prepare(json: json).configuration)
            if json {
                Output.line(effective.json)
            } else {
                Output.write(effective.yaml, to: STDOUT_FILENO)
            }
        }
    }
}
