package import PatchbayConfiguration
package import PatchbayModules
import Glibc
import PatchbayEvents
import PatchbaySchemas

/// The module instances that a configuration can use, and the modules that were refused. Nothing is loaded.
package struct ModuleCatalogue: Sendable {
    /// One name before the dot: a module file, or one of the host's own handlers.
    package struct Instance: Sendable {
        package var name: String
        package var file: ModuleFile
        package var config: ConfigurationValue
    }

    package var scan = ModuleScan()
    /// By name.
    package private(set) var instances: [String: Instance] = [:]
    /// Why an instance that the file names has no module, by name.
    private var missing: [String: ModuleError] = [:]

    /// Scans the directory and the paths of `modules.load`. Errors that have a place go into the draft.
    package init(_ draft: inout ConfigurationDraft) {
        let modules = draft.configuration.modules
        let directory = modules.directory
        let isNamed = draft.configuration.origins["modules.directory"] != nil
        let isThere = access(directory, F_OK) == 0
        do throws(ModuleError) {
            scan = try ModuleScanner().scan(
                directory: isThere || isNamed ? directory : nil, files: modules.load.map(\.path).filter { !$0.isEmpty })
        } catch {
            draft.add(Self.problem(error, "modules.directory", draft))
        }
        for file in scan.accepted where !modules.load.contains(where: { Self.provides($0, file) }) {
            instances[file.manifest.name] = Instance(name: file.manifest.name, file: file, config: .map([]))
        }
        for (index, load) in modules.load.enumerated() where load.builtin == nil {
            add(load, index, &draft)
        }
    }

    /// Whether a handler exists, for the configuration's check.
    package func lookup(_ name: String) -> HandlerLookup {
        let module = String(name.prefix { $0 != "." })
        let handler = String(name.drop { $0 != "." }.dropFirst())
        if let error = missing[module] { return .rejected(reason: error.message, remedy: error.remedy) }
        guard let instance = instances[module] else {
            if let error = scan.rejections.first(where: { Self.stem($0.file) == module }) {
                return .rejected(reason: error.message, remedy: error.remedy)
            }
            return .unknown(candidates: handlerNames)
        }
        if instance.file.manifest.handlers.contains(where: { $0.id == handler }) { return .found }
        return .unknown(candidates: handlerNames)
    }

    /// Every handler that could be routed to, sorted.
    package var handlerNames: [String] {
        instances.values.flatMap { instance in instance.file.manifest.handlers.map { "\(instance.name).\($0.id)" } }
            .sorted()
    }

    /// Checks the configuration of every handler that routes name against its manifest's schema.
    package func checkConfigurations(_ draft: inout ConfigurationDraft) {
        let used = Set(draft.configuration.routes.flatMap(\.to).flatMap(\.handlers).map(\.name))
        for name in used.sorted() {
            guard let instance = instances[String(name.prefix { $0 != "." })],
                let handler = instance.file.manifest.handlers.first(where: { "\(instance.name).\($0.id)" == name })
            else { continue }
            do {
                let schema = try JSONSchema(compiling: handler.configSchema ?? Self.noKeys)
                draft.check(configOf: instance.name, against: schema)
            } catch {
                draft.add(
                    ConfigurationError(
                        code: .unresolved, message: "the configuration schema of '\(name)' is invalid: \(error)",
                        location: Self.place("modules.load", draft), path: "modules.load",
                        remedy: "correct `config` in its manifest and build the module again"))
            }
        }
    }

    // MARK: Private

    private static let noKeys = Value.object([("type", .string("object")), ("maxProperties", .int(0))])

    private mutating func add(_ load: Configuration.Load, _ index: Int, _ draft: inout ConfigurationDraft) {
        let path = "modules.load[\(index)]"
        guard let file = scan.accepted.first(where: { Self.provides(load, $0) }) else {
            let rejection = scan.rejections.first { load.path.isEmpty ? Self.stem($0.file) == load.name : $0.file == load.path }
            missing[load.name] =
                rejection
                ?? ModuleError(
                    .unreadable, file: load.path, "no module file provides '\(load.name)'",
                    remedy: "put it into \(draft.configuration.modules.directory), or give its path")
            if let error = missing[load.name] { draft.add(Self.problem(error, path, draft)) }
            return
        }
        if !load.sha256.isEmpty {
            do throws(ModuleError) {
                try file.check(pin: load.sha256)
            } catch {
                draft.add(Self.problem(error, "\(path).sha256", draft))
            }
        }
        instances[load.name] = Instance(name: load.name, file: file, config: load.config)
    }

    /// By path where one is given; otherwise by the module's name, or its file's.
    private static func provides(_ load: Configuration.Load, _ file: ModuleFile) -> Bool {
        if load.builtin != nil { return false }
        if !load.path.isEmpty { return file.path == load.path }
        return file.manifest.name == load.name || stem(file.path) == load.name
    }

    /// `billing` of `plugins/libbilling.so`.
    private static func stem(_ path: String) -> String {
        var name = path.split(separator: "/").last.map(String.init) ?? path
        if let dot = name.firstIndex(of: ".") { name = String(name[..<dot]) }
        return name.hasPrefix("lib") ? String(name.dropFirst(3)) : name
    }

    private static func problem(_ error: ModuleError, _ path: String, _ draft: ConfigurationDraft) -> ConfigurationError {
        let cause = error.cause.map { " (\($0))" } ?? ""
        return ConfigurationError(
            code: .unresolved, message: "\(error.file): \(error.message)\(cause)", location: place(path, draft), path: path,
            remedy: error.remedy)
    }

    private static func place(_ path: String, _ draft: ConfigurationDraft) -> SourceLocation {
        draft.location(of: path) ?? draft.location(of: "") ?? SourceLocation(file: "", line: 1, column: 1)
    }
}
