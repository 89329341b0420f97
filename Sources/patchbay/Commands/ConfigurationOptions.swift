import ArgumentParser
import FoundationEssentials
import PatchbayConfiguration
import PatchbayRuntime

/// What every command that reads a configuration takes.
struct ConfigurationOptions: ParsableArguments {
    @Option(name: [.customShort("c"), .customLong("config")], help: "The configuration file.")
    var file = "patchbay.yaml"

    @Option(help: ArgumentHelp("Folder whose files are secrets, for ${secret:name}.", valueName: "folder"))
    var secrets: String?

    var inputs: ConfigurationInputs {
        ConfigurationInputs(environment: ProcessInfo.processInfo.environment, secretsDirectory: secrets)
    }

    /// The checked configuration; errors are printed and end the process with 2.
    func prepare() throws -> Preparation {
        do {
            return try Preparation(path: file, inputs: inputs)
        } catch {
            Output.error("\(error)")
            Output.error("\(error.errors.count) \(error.errors.count == 1 ? "error" : "errors") in \(file)")
            throw ExitCode(2)
        }
    }
}
