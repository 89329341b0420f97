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
        let source = context.pluginWorkDirectoryURL.appending(path: "PatchbayModule.swift.txt")
        let output = context.pluginWorkDirectoryURL.appending(path: "PatchbayModule.swift")
        do {
            let text = try ModuleSource(manifest: Data(contentsOf: manifest), compiler: compilerVersion()).text
            let old = FileManager.default.contents(atPath: source.path)
            if old != Data(text.utf8) { try Data(text.utf8).write(to: source) }
        } catch let error as ManifestError {
            Diagnostics.error("\(manifest.path): \(error.message)")
            throw error
        } catch CocoaError.fileReadNoSuchFile {
            Diagnostics.error("\(manifest.path): missing; it names the module and its handlers")
            throw ManifestError("missing")
        }
        return [
            .buildCommand(
                displayName: "Registering the handlers of \(target.name)", executable: URL(filePath: "/bin/cp"),
                arguments: [source.path, output.path], inputFiles: [manifest, source], outputFiles: [output])
        ]
    }

    /// major.minor of the compiler: plugins are built by the same one as their module, and run with its library.
    private func compilerVersion() -> String {
        "\(_SwiftStdlibVersion.current)".split(separator: ".").prefix(2).joined(separator: ".")
    }
}

struct ManifestError: Error {
    let message: String
    init(_ message: String) { self.message = message }
}

/// The Swift source of a module's note, registration and entry.
struct ModuleSource {
    let text: String

    init(manifest data: Data, compiler: String) throws {
        let value: Any
        do {
            value = try JSONSerialization.jsonObject(with: data)
        } catch {
            let reason = (error as NSError).userInfo[NSDebugDescriptionErrorKey] ?? error.localizedDescription
            throw ManifestError("not JSON: \(reason)")
        }
        guard var manifest = value as? [String: Any] else { throw ManifestError("expected a JSON object") }
        try ModuleSource.check(manifest, "name", matches: #/[a-z][a-z0-9_-]{0,62}/#, "a-z first, then a-z 0-9 _ -")
        try ModuleSource.check(manifest, "version", matches: #/\d+\.\d+\.\d+([-+].*)?/#, "such as 1.0.0")
        guard var handlers = manifest["handlers"] as? [[String: Any]], !handlers.isEmpty else {
            throw ManifestError("'handlers' should be an array of objects, at least one")
        }
        var registrations: [String] = []
        var ids: Set<String> = []
        for index in handlers.indices {
            try ModuleSource.check(
                handlers[index], "id", matches: #/[a-z][a-z0-9_-]{0,62}/#, "a-z first, then a-z 0-9 _ -")
            let id = handlers[index]["id"] as? String ?? ""
            guard ids.insert(id).inserted else { throw ManifestError("two handlers have the id '\(id)'") }
            let type = handlers[index].removeValue(forKey: "type") as? String ?? ModuleSource.typeName(of: id)
            guard type.wholeMatch(of: #/[A-Za-z_][A-Za-z0-9_.]*/#) != nil else {
                throw ManifestError("'type' of '\(id)' should be the name of a Swift type, not '\(type)'")
            }
            let batch = handlers[index]["batch"] == nil ? "" : ", batch: true"
            registrations.append(
                "    Registration(\"\(id)\"\(batch), create: { \(type).patchbayCreate($0, $1, $2) }),")
        }
        manifest["handlers"] = handlers
        manifest["abi"] = ["major": 1, "minor": 0]
        manifest["runtime"] = "swift"
        manifest["runtimeVersion"] = compiler
        if manifest["linkage"] == nil { manifest["linkage"] = "shared" }
        let note = try JSONSerialization.data(
            withJSONObject: manifest, options: [.sortedKeys, .withoutEscapingSlashes])
        text = ModuleSource.render(note: note, registrations: registrations, compiler: compiler)
    }

    /// `charge-card` becomes `ChargeCard`.
    private static func typeName(of id: String) -> String {
        id.split(whereSeparator: { $0 == "-" || $0 == "_" }).map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    private static func check(
        _ object: [String: Any], _ key: String, matches pattern: some RegexComponent, _ accepted: String
    ) throws {
        guard let text = object[key] as? String else { throw ManifestError("'\(key)' is missing, or not a string") }
        guard text.wholeMatch(of: pattern) != nil else {
            throw ManifestError("'\(key)' is '\(text)'; accepted: \(accepted)")
        }
    }

    private static func render(note: Data, registrations: [String], compiler: String) -> String {
        let used = note.count + 1
        let bytes = Array(note) + Array(repeating: 0, count: (used + 3) / 4 * 4 - note.count)
        let next = compiler.split(separator: ".").compactMap { Int($0) }
        let upper = next.count == 2 ? "\(next[0]).\(next[1] + 1)" : compiler
        var rows: [String] = []
        for start in stride(from: 0, to: bytes.count, by: 24) {
            rows.append(
                "        " + bytes[start..<min(start + 24, bytes.count)].map { "\($0)" }.joined(separator: ", "))
        }
        return """
            // Made from manifest.json by the PatchbayModule plugin.
            import PatchbaySDK

            #if !compiler(>=\(compiler)) || compiler(>=\(upper))
            #error("the manifest says Swift \(compiler), and another compiler is at work: clean and build again")
            #endif

            /// The manifest as an ELF note of owner "PBY", type 1: lengths, type, owner, text and final zeros.
            @used @section(".note.patchbay")
            private let patchbayNote: (UInt32, UInt32, UInt32, UInt32, InlineArray<\(bytes.count), UInt8>) = (
                4, \(used), 1, 0x0059_4250,
                [
            \(rows.joined(separator: ",\n"))
                ]
            )

            private let patchbayModule = Module([
            \(registrations.joined(separator: "\n"))
            ])

            /// The module's only exported symbol.
            @c(patchbay_module_v1)
            public func patchbayModuleV1(_ host: HostPointer?, _ out: ModuleOutPointer?) -> Int32 {
                patchbayModule.enter(host, out)
            }

            """
    }
}
