import ArgumentParser
import Glibc
import PatchbayConfiguration
import PatchbayModules
import PatchbayRuntime

/// `patchbay modules`.
struct ModulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "modules",
        abstract: "List handler modules; change the versions that a running host has.",
        discussion: """
            Without one of the subcommands it lists.

            EXAMPLES
              patchbay modules plugins
              patchbay modules promote build/libbilling.so -c patchbay.yaml
              patchbay modules rollback billing -c patchbay.yaml
            """,
        subcommands: [ListModulesCommand.self, PromoteCommand.self, RollbackCommand.self, RunningModulesCommand.self],
        defaultSubcommand: ListModulesCommand.self)
}

/// `patchbay modules list`.
struct ListModulesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List handler modules: what they offer, and why one is not used.",
        discussion: """
            Reads the files and runs none of their code. Without a directory it looks where the configuration says, \
            and in ./plugins when there is no patchbay.yaml.

            EXIT CODES
              0  every module found can be used
              1  at least one was rejected
              2  wrong usage, or a directory or configuration that cannot be read

            EXAMPLES
              patchbay modules plugins
              patchbay modules -c patchbay.yaml
              patchbay modules --directory plugins --json
            """)

    @Argument(help: "The directory to look into; the same as --directory.", completion: .directory)
    var folder: String?

    @Option(
        name: [.customShort("d"), .long], help: ArgumentHelp("The directory to look into.", valueName: "folder"),
        completion: .directory)
    var directory: String?

    @Option(
        name: [.customShort("c"), .customLong("config")],
        help: ArgumentHelp("Look at what this configuration file uses.", valueName: "file"), completion: .configurations
    )
    var file: String?

    @Flag(help: "Print JSON: modules, rejected, warnings.")
    var json = false

    func validate() throws {
        if [folder, directory, file].count(where: { $0 != nil }) > 1 {
            throw ValidationError("name one directory, or a configuration with -c, not both")
        }
    }

    func run() throws {
        let listing = try listing()
        if json {
            Output.json(listing.value)
        } else {
            Output.line(listing.text(Style(for: STDOUT_FILENO)))
        }
        if !listing.errors.isEmpty { throw ConfigurationOptions.report(listing.errors, in: file ?? "patchbay.yaml") }
        if !listing.scan.rejections.isEmpty { throw ExitCode(1) }
    }

    private func listing() throws -> ModuleListing {
        if let folder = folder ?? directory { return try scan(folder) }
        if let file { return try configured(by: file) }
        return access("patchbay.yaml", F_OK) == 0 ? try configured(by: "patchbay.yaml") : try scan("./plugins")
    }

    private func scan(_ folder: String) throws -> ModuleListing {
        do throws(ModuleError) {
            return ModuleListing(scan: try ModuleScanner().scan(directory: folder), place: folder)
        } catch {
            let cause = error.cause.map { ": \($0)" } ?? ""
            throw Output.failure("\(error.file) \(error.message)\(cause); name another with --directory", code: 2)
        }
    }

    private func configured(by file: String) throws -> ModuleListing {
        var draft = Configuration.read(path: file, inputs: .ofProcess())
        if draft.errors.contains(where: { $0.code == .unreadable || $0.code == .syntax }) {
            throw ConfigurationOptions.report(draft.errors, in: file)
        }
        let catalogue = ModuleCatalogue(&draft)
        let scan = catalogue.scan
        let modules = draft.configuration.modules
        let more = modules.load.contains { !$0.path.isEmpty } ? " and modules.load" : ""
        var listing = ModuleListing(scan: scan, place: "\(modules.directory)\(more), as \(file) says")
        for instance in catalogue.instances.values where instance.name != instance.file.manifest.name {
            listing.instances[instance.file.path, default: []].append(instance.name)
        }
        // What is rejected is listed as such; the rest of the file is for `validate`.
        listing.errors = draft.errors.filter { error in
            error.path.hasPrefix("modules")
                && !scan.rejections.contains { error.message.hasPrefix("\($0.file): \($0.message)") }
        }
        return listing
    }
}
