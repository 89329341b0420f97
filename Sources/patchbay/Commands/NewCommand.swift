import ArgumentParser

/// `patchbay new`.
struct NewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Start a project.",
        discussion: """
            EXAMPLES
              patchbay new handler greeter --language c
              patchbay new handler greeter --language rust
            """,
        subcommands: [HandlerCommand.self])

    /// `patchbay new handler`.
    struct HandlerCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "handler",
            abstract: "Start a handler module that builds, tests and runs with `make`.",
            discussion: """
                Writes a handler, its test, a configuration and some events into a new folder. Projects in C and \
                C++ carry the headers they need; those in Swift and Rust name the SDK's folder, or the repository's \
                URL, which others can build them with. Nothing that is there is overwritten.

                EXAMPLES
                  patchbay new handler greeter --language c
                  patchbay new handler greeter --language c --directory handlers/hi
                  patchbay new handler greeter --language cpp
                  patchbay new handler greeter --language rust --sdk ~/patchbay/sdk/rust
                  patchbay new handler greeter --language swift --sdk ~/patchbay/sdk/patchbay
                  patchbay new handler greeter --language swift --sdk https://git.example.com/us/patchbay.git
                """)

        @Argument(help: "The module's name, which routes write before the dot: a-z, 0-9, '-' and '_'.")
        var name: String

        @Option(name: .shortAndLong, help: "What it is written in: c, cpp, rust or swift.")
        var language: Scaffold.Language

        @Option(
            name: .shortAndLong, help: ArgumentHelp("The new folder. (default: ./NAME)", valueName: "folder"),
            completion: .directory)
        var directory: String?

        @Option(
            help: ArgumentHelp(
                """
                The SDK of Swift or Rust: the folder sdk/patchbay or sdk/rust of the repository, or its URL. \
                (default: the folder, found above this program)
                """,
                valueName: "folder|url"), completion: .directory)
        var sdk: String?

        func run() throws {
            let folder = directory ?? name
            let files: [Scaffold.File]
            do {
                files = try Scaffold.files(
                    name: name, language: language, sdk: try sdkPackage(),
                    command: Installation.command)
            } catch let error as ScaffoldError {
                throw Output.failure(error.message, code: 2)
            }
            do {
                try NewFolder(folder).write(files)
            } catch {
                throw Output.failure(error.description, code: error.isUsage ? 2 : 1)
            }
            let main = files.first { file in Self.mains.contains { file.path.hasSuffix($0) } }?.path ?? ""
            let module = "plugins/\(name).so"
            Output.line(
                """
                Created \(folder): a handler '\(name).greet' in \(language.title), \(files.count) files.

                Next:
                  cd \(folder.shellQuoted)
                  make          builds \(module), tests it, and sends events.jsonl through it
                Then make \(main) your own; README.md tells the rest.
                """)
        }

        /// What people make their own.
        private static let mains = ["handler.c", "handler.cpp", "src/lib.rs", "/Greet.swift"]

        private func sdkPackage() throws -> Scaffold.SDK? {
            guard let package = language.package else { return nil }
            guard let sdk else { return Installation.sdkPath(package).map(Scaffold.SDK.path) }
            if sdk.contains("://") || sdk.hasPrefix("git@") { return .url(sdk) }
            guard let path = Installation.package(at: sdk, file: package.file) else {
                throw Output.failure(
                    "--sdk \(sdk): there is no \(package.file); give the folder sdk/\(package.folder) of Patchbay's "
                        + "repository", code: 2)
            }
            return .path(path)
        }
    }
}

extension Scaffold.Language: ExpressibleByArgument {}
