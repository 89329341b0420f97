import ArgumentParser

/// `patchbay new`.
struct NewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Start a project.",
        discussion: """
            EXAMPLES
              patchbay new handler greeter --language c
              patchbay new handler greeter --language swift
            """,
        subcommands: [HandlerCommand.self])

    /// `patchbay new handler`.
    struct HandlerCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "handler",
            abstract: "Start a handler module that builds, tests and runs with `make`.",
            discussion: """
                Writes a handler, its test, a configuration and some events into a new folder. A C project carries \
                the headers it needs; a Swift project names the SDK's folder, or the repository's URL, which others \
                can build it with. Nothing that is there is overwritten.

                EXAMPLES
                  patchbay new handler greeter --language c
                  patchbay new handler greeter --language c --directory handlers/hi
                  patchbay new handler greeter --language swift --sdk ~/patchbay/sdk/patchbay
                  patchbay new handler greeter --language swift --sdk https://git.example.com/us/patchbay.git
                """)

        @Argument(help: "The module's name, which routes write before the dot: a-z, 0-9, '-' and '_'.")
        var name: String

        @Option(name: .shortAndLong, help: "What it is written in: c or swift.")
        var language: Scaffold.Language

        @Option(
            name: .shortAndLong, help: ArgumentHelp("The new folder. (default: ./NAME)", valueName: "folder"),
            completion: .directory)
        var directory: String?

        @Option(
            help: ArgumentHelp(
                """
                The Swift SDK: the folder sdk/patchbay of the repository, or the repository's URL. \
                (default: the folder, found above this program)
                """,
                valueName: "folder|url"), completion: .directory)
        var sdk: String?

        func run() throws {
            let folder = directory ?? name
            let files: [Scaffold.File]
            do {
                files = try Scaffold.files(
                    name: name, language: language, sdk: language == .swift ? try swiftSDK() : nil,
                    command: Installation.command)
            } catch let error as ScaffoldError {
                throw Output.failure(error.message, code: 2)
            }
            do {
                try NewFolder(folder).write(files)
            } catch {
                throw Output.failure(error.description, code: error.isUsage ? 2 : 1)
            }
            let main = language == .c ? "handler.c" : files.first { $0.path.hasSuffix("/Greet.swift") }?.path ?? ""
            let module = "plugins/\(name).so"
            Output.line(
                """
                Created \(folder): a handler '\(name).greet' in \(language == .c ? "C" : "Swift"), \(files.count) files.

                Next:
                  cd \(folder.shellQuoted)
                  make          builds \(module), tests it, and sends events.jsonl through it
                Then make \(main) your own; README.md tells the rest.
                """)
        }

        private func swiftSDK() throws -> Scaffold.SDK? {
            guard let sdk else { return Installation.sdkPath.map(Scaffold.SDK.path) }
            if sdk.contains("://") || sdk.hasPrefix("git@") { return .url(sdk) }
            guard let path = Installation.package(at: sdk) else {
                throw Output.failure(
                    "--sdk \(sdk): there is no Package.swift; give the folder sdk/patchbay of Patchbay's repository",
                    code: 2)
            }
            return .path(path)
        }
    }
}

extension Scaffold.Language: ExpressibleByArgument {}
