import Foundation
import PackagePlugin

/// Turns a target's `manifest.json` into the ELF note that hosts read before they load the module, the registration of
/// its handlers, and the one function that the module exports.
///
/// The manifest is the only declaration: a handler whose Swift type does not exist, or is no handler, does not compile.
@main
struct PatchbayModule: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let manifest = target.directoryURL.appending(path: "manifest.json")
        let output = context.pluginWorkDirectoryURL.appending(path: "PatchbayModule.swift")
        guard FileManager.default.fileExists(atPath: manifest.path) else {
            Diagnostics.error("\(manifest.path) is missing: it names the module and its handlers")
            return []
        }
        return [
            .buildCommand(
                displayName: "Registering the handlers of \(target.name)",
                executable: try context.tool(named: "patchbay-module").url, arguments: [manifest.path, output.path],
                inputFiles: [manifest], outputFiles: [output])
        ]
    }
}
