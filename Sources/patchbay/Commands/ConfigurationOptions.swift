import ArgumentParser
import FoundationEssentials
import Glibc
import PatchbayConfiguration
import PatchbayEvents
import PatchbayRuntime

/// What every command that reads a configuration takes.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: [.customShort("c"), .customLong("config")],
        help: ArgumentHelp("The configuration file.", valueName: "file"), completion: .configurations)
    var file = "patchbay.yaml"

    @Option(
        help: ArgumentHelp("Folder whose files are secrets, for ${secret:name}.", valueName: "folder"),
        completion: .directory)
    var secrets: String?

    var inputs: ConfigurationInputs { .ofProcess(secrets: secrets) }

    /// The checked configuration; errors are printed and end the process with 2.
    ///
    /// - Parameter json: prints them on standard output, for a script.
    func prepare(json: Bool = false) throws -> Preparation {
        do {
            return try Preparation(path: file, inputs: inputs)
        } catch {
            throw Self.report(error.errors, in: file, json: json)
        }
    }

    /// The checked configuration with everything in it compiled, as a run would have it.
    func blueprint(json: Bool = false) throws -> (Preparation, Blueprint) {
        let preparation = try prepare(json: json)
        do {
            return (preparation, try Blueprint(preparation.configuration, seed: 1))
        } catch {
            let place = error.location ?? SourceLocation(file: file, line: 1, column: 1)
            let found = ConfigurationError(code: .impossible, message: error.message, location: place, path: "")
            throw Self.report([found], in: file, json: json)
        }
    }

    /// Prints what is wrong with a file, all of it; throw what it returns.
    static func report(_ errors: [ConfigurationError], in file: String, json: Bool = false) -> ExitCode {
        if json {
            Output.json(
                .object([
                    ("file", .string(file)), ("valid", .bool(false)), ("errors", .list(errors.map(\.value))),
                ]))
            return ExitCode(2)
        }
        let style = Style(for: STDERR_FILENO)
        for error in errors {
            let lines = error.description.printable.split(
                separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
            let place = "\(error.location): error: "
            let first = String(lines[0])
            Output.error(
                first.hasPrefix(place)
                    ? "\(style.bold("\(error.location):")) \(style.red("error:")) \(first.dropFirst(place.count))"
                    : first)
            if lines.count > 1 { Output.error(String(lines[1])) }
        }
        Output.error("\(String.count(errors.count, "error")) in \(file)")
        return ExitCode(2)
    }
}

extension ConfigurationInputs {
    /// This process's environment.
    static func ofProcess(secrets: String? = nil) -> Self {
        ConfigurationInputs(environment: ProcessInfo.processInfo.environment, secretsDirectory: secrets)
    }
}

extension ConfigurationError {
    /// For scripts.
    fileprivate var value: Value {
        var members: [(String, Value)] = [
            ("code", .string(code.rawValue)), ("message", .string(message)), ("path", .string(path)),
            ("file", .string(location.file)), ("line", .int(Int64(location.line))),
            ("column", .int(Int64(location.column))), ("accepted", .list(accepted.map { .string($0) })),
        ]
        if let remedy { members.append(("remedy", .string(remedy))) }
        return .object(members)
    }
}
