import Glibc
package import PatchbayConfiguration
import PatchbayEvents
package import PatchbayModules
import PatchbayTransfers

/// The module instances that a configuration can use, and the modules that were refused. Nothing is loaded.
package struct ModuleCatalogue: Sendable {
    /// One name before the dot: a module file, or one of the host's own handlers.
    package struct Instance: Sendable {
        package var name: String
        package var file: ModuleFile
        package var config: ConfigurationValue
        /// `config` as recordings may have it; `nil`: as it is.
        package var shown: ShownConfiguration?
        /// The services that it is granted.
        package var network: [String] = []
        package var isolation = ModuleIsolation.inline
    }

    package var scan = ModuleScan()
    /// Whose modules may run.
    let trust: ModuleTrust
    /// Files that entries name.
    private let paths: Set<String>
    /// By name.
    package private(set) var instances: [String: Instance] = [:]
    /// Why an instance that the file names has no module, by name.
    private var missing: [String: ModuleError] = [:]

    /// Scans the directory and the paths of `modules.load`. Errors that have a place go into the draft.
    ///
    /// - Parameter trust: whose modules may run; what the draft says unless given.
    package init(_ draft: inout ConfigurationDraft, trust: ModuleTrust? = nil) {
        let modules = draft.configuration.modules
        let directory = modules.directory
        // Only the default folder may be missing, written out or not.
        let isExpected = directory != Configuration.Modules().directory || access(directory, F_OK) == 0
        let paths = modules.load.map(\.path).filter { !$0.isEmpty }
        self.paths = Set(paths)
        let pins = modules.load.map(\.sha256).filter { !$0.isEmpty }
        self.trust = trust ?? Self.trust(&draft)
        let trust = self.trust
        let scanner = ModuleScanner(trust: trust)
        do throws(ModuleError) {
            scan = try scanner.scan(
                directory: isExpected ? directory : nil, files: paths, areNamed: true, pins: pins)
        } catch {
            draft.add(Self.problem(error, "modules.directory", draft))
            scan = scanner.scan(files: paths, areNamed: true, pins: pins)
        }
        let named = Set(modules.load.compactMap { file(for: $0)?.path })
        for file in scan.accepted where !named.contains(file.path) {
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
        if let version = HandlerVersion(name) { return lookup(version) }
        guard let instance = instances[module] else {
            if let error = scan.rejections.first(where: { Self.stem($0.file) == module }) {
                return .rejected(reason: error.message, remedy: error.remedy)
            }
            return .unknown(candidates: handlerNames)
        }
        if instance.file.manifest.handlers.contains(where: { $0.id == handler }) { return .found }
        return .unknown(candidates: handlerNames)
    }

    /// The handler that one with a version means: `billing.charge@2` is `next.charge` where `next` alone, of the instances
    /// of that name or of a module of that name, has a version 2.x.y. `nil`: none, or several.
    package func meant(_ wanted: HandlerVersion) -> String? {
        let found = versions(of: wanted.module).filter { wanted.means($0.version) }
        return found.count == 1 ? "\(found[0].instance).\(wanted.handler)" : nil
    }

    private func versions(of module: String) -> [(instance: String, version: String)] {
        instances.values.filter { $0.name == module || $0.file.manifest.name == module }
            .map { (instance: $0.name, version: $0.file.manifest.version) }.sorted { $0.instance < $1.instance }
    }

    /// Why no single instance has it.
    private func lookup(_ wanted: HandlerVersion) -> HandlerLookup {
        let all = versions(of: wanted.module)
        guard !all.isEmpty else { return .unknown(candidates: handlerNames) }
        let fitting = all.filter { wanted.means($0.version) }
        let listed = (fitting.isEmpty ? all : fitting).map { "\($0.instance) \($0.version)" }.joined(separator: ", ")
        return .noVersion(
            reason: fitting.isEmpty
                ? "no version \(wanted.version) of \(wanted.module) is here, but \(listed)"
                : "version \(wanted.version) of \(wanted.module) may be \(listed)",
            accepted: (fitting.isEmpty ? all : fitting).map { "\($0.instance).\(wanted.handler)" })
    }

    /// Calls at once that the handler's module allows, 0 being unlimited; `nil` for a handler of no module.
    package func concurrency(of name: String) -> Int? {
        let module = String(name.prefix { $0 != "." })
        return instances[module]?.file.manifest.handlers.first { "\(module).\($0.id)" == name }?.concurrency
    }

    /// Every handler that could be routed to, sorted.
    package var handlerNames: [String] {
        instances.values.flatMap { instance in instance.file.manifest.handlers.map { "\(instance.name).\($0.id)" } }
            .sorted()
    }

    /// Checks the configuration of every instance against the schemas of its handlers that routes name, or, where they
    /// name none, against those of all its handlers, of which one has to take it.
    package func checkConfigurations(_ draft: inout ConfigurationDraft) {
        let routes = draft.configuration.routes
        let used = Set((routes.flatMap(\.to).flatMap(\.handlers) + routes.flatMap(\.shadow).map(\.handler)).map(\.name))
        for instance in instances.values.sorted(by: { $0.name < $1.name }) {
            let handlers = instance.file.manifest.handlers.map(\.id)
            let routed = handlers.filter { used.contains("\(instance.name).\($0)") }
            if routed.isEmpty {
                checkUnrouted(instance, handlers, &draft)
            } else {
                for handler in routed { check(instance, handler, &draft) }
            }
        }
    }

    /// Takes another build of an instance's module.
    mutating func replace(_ instance: String, by file: ModuleFile) { instances[instance]?.file = file }

    /// Takes code out of the host's process; the names of the instances that were in it, sorted.
    mutating func isolate(_ crashed: CrashedCode) -> [String] {
        let names = instances.values.filter { instance in
            instance.isolation == .inline
                && (crashed.instances.contains(instance.name)
                    || crashed.modules.contains(instance.file.manifest.name))
        }.map(\.name).sorted()
        for name in names { instances[name]?.isolation = .process(.unconfined) }
        return names
    }

    // MARK: Private

    /// What the draft says; the keys' files, of which each has to be one.
    static func trust(_ draft: inout ConfigurationDraft) -> ModuleTrust {
        let security = draft.configuration.security
        var keys: [PublicKey] = []
        for (index, path) in security.trustedKeys.enumerated() {
            do throws(ModuleError) {
                keys.append(try PublicKey(file: path))
            } catch {
                draft.add(problem(error, "security.trustedKeys[\(index)]", draft))
            }
        }
        return ModuleTrust(keys: keys, isRequired: security.requireSignedModules)
    }

    private func checkUnrouted(_ instance: Instance, _ handlers: [String], _ draft: inout ConfigurationDraft) {
        guard instance.config != .map([]) else { return }
        guard let first = handlers.first else {
            return addUnread("module '\(instance.name)' has no handlers and takes no configuration", instance, &draft)
        }
        let fits = handlers.contains { handler in
            do throws(ModuleError) {
                return try instance.file.violations(in: instance.config.value, for: handler).isEmpty
            } catch {
                return false
            }
        }
        if !fits { check(instance, first, &draft) }
    }

    private func check(_ instance: Instance, _ handler: String, _ draft: inout ConfigurationDraft) {
        if instance.file.manifest.handler(handler)?.configSchema == nil {
            guard instance.config != .map([]) else { return }
            return addUnread("'\(instance.name).\(handler)' takes no configuration", instance, &draft)
        }
        do throws(ModuleError) {
            draft.check(configOf: instance.name, against: try instance.file.schema(of: handler))
        } catch {
            draft.add(Self.problem(error, "modules.load", draft))
        }
    }

    private func addUnread(_ message: String, _ instance: Instance, _ draft: inout ConfigurationDraft) {
        let index = draft.configuration.modules.load.firstIndex { $0.name == instance.name }
        let path = index.map { "modules.load[\($0)].config" } ?? "modules.load"
        draft.add(
            ConfigurationError(
                code: .badValue, message: message, location: Self.place(path, draft), path: path,
                remedy:
                    "remove `config`, or say in the manifest what it may hold: a handler's `config` is a JSON Schema"))
    }

    private mutating func add(_ load: Configuration.Load, _ index: Int, _ draft: inout ConfigurationDraft) {
        let path = "modules.load[\(index)]"
        guard let file = file(for: load) ?? fileForWorker(load) else {
            let named = ModuleScanner.resolved(load.path)
            let rejection = scan.rejections.first {
                load.path.isEmpty ? Self.stem($0.file) == load.name : ModuleScanner.resolved($0.file) == named
            }
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
        for (number, pattern) in load.grant.network.enumerated()
        where !NetworkGrant.covers(file.manifest.network, pattern) {
            let named = file.manifest.network.isEmpty ? "none" : file.manifest.network.joined(separator: ", ")
            draft.add(
                ConfigurationError(
                    code: .impossible, message: "module '\(load.name)' does not ask for '\(pattern)'",
                    location: Self.place("\(path).grant.network[\(number)]", draft),
                    path: "\(path).grant.network[\(number)]",
                    remedy: "remove it; the services that its manifest names: \(named)"))
        }
        checkFiles("read", load.grant.read, file, load, path, &draft)
        checkFiles("write", load.grant.write, file, load, path, &draft)
        let withheld = draft.configuration.withholding(load.config, at: "\(path).config")
        instances[load.name] = Instance(
            name: load.name, file: file, config: load.config,
            shown: ShownConfiguration(withheld.shown.value, redact: withheld.redact), network: load.grant.network,
            isolation: ModuleIsolation(load))
    }

    /// A grant that the manifest does not ask for is a mistake in one of the two.
    private func checkFiles(
        _ key: String, _ granted: [String], _ file: ModuleFile, _ load: Configuration.Load, _ path: String,
        _ draft: inout ConfigurationDraft
    ) {
        let asked = file.manifest.files
        for (number, place) in granted.enumerated()
        where !asked.contains(where: { $0 == "*" || place == $0 || place.hasPrefix("\($0)/") }) {
            let named = asked.isEmpty ? "none" : asked.joined(separator: ", ")
            let place = "\(path).grant.\(key)[\(number)]"
            draft.add(
                ConfigurationError(
                    code: .impossible, message: "module '\(load.name)' does not ask for '\(granted[number])'",
                    location: Self.place(place, draft), path: place,
                    remedy: "remove it; the files that its manifest names: \(named)"))
        }
    }

    /// By path where one is given; otherwise by the module's name, and only then by its file's.
    private func file(for load: Configuration.Load) -> ModuleFile? {
        if load.builtin != nil { return nil }
        if !load.path.isEmpty {
            let path = ModuleScanner.resolved(load.path)
            return scan.accepted.first { ModuleScanner.resolved($0.path) == path }
        }
        // One that another entry gives a name by its path comes last.
        let files = scan.accepted.filter { !paths.contains($0.path) } + scan.accepted
        return files.first { $0.manifest.name == load.name } ?? files.first { Self.stem($0.path) == load.name }
    }

    /// One that only a process of its own can run.
    private func fileForWorker(_ load: Configuration.Load) -> ModuleFile? {
        guard load.isolation == .process else { return nil }
        let scanner = ModuleScanner(profile: .worker, trust: trust)
        let refused = scan.rejections.filter { [.foreignSwift, .bundledSwift].contains($0.code) }
        guard load.path.isEmpty else {
            let path = ModuleScanner.resolved(load.path)
            let file = refused.first { ModuleScanner.resolved($0.file) == path }
            return file.flatMap { scanner.inspect(file: $0.file).accepted }
        }
        let files = scanner.scan(files: refused.map(\.file), pins: [load.sha256]).accepted
        return files.first { $0.manifest.name == load.name } ?? files.first { Self.stem($0.path) == load.name }
    }

    /// `billing` of `plugins/libbilling.so`.
    private static func stem(_ path: String) -> String {
        var name = path.split(separator: "/").last.map(String.init) ?? path
        if let dot = name.firstIndex(of: ".") { name = String(name[..<dot]) }
        return name.hasPrefix("lib") ? String(name.dropFirst(3)) : name
    }

    private static func problem(_ error: ModuleError, _ path: String, _ draft: ConfigurationDraft) -> ConfigurationError
    {
        let cause = error.cause.map { " (\($0))" } ?? ""
        // An entry has no place of its own; its name's is the nearest.
        let place = Self.place("\(path).name", draft)
        return ConfigurationError(
            code: .unresolved, message: "\(error.file.isEmpty ? "" : "\(error.file): ")\(error.message)\(cause)",
            location: place, path: path, remedy: error.remedy)
    }

    private static func place(_ path: String, _ draft: ConfigurationDraft) -> SourceLocation {
        draft.location(of: path) ?? draft.location(of: "") ?? SourceLocation(file: "", line: 1, column: 1)
    }
}

extension ModuleIsolation {
    /// What the configuration says of an instance.
    init(_ load: Configuration.Load) {
        guard load.isolation == .process else {
            self = .inline
            return
        }
        self = .process(WorkerLimits(load.limits, load.grant))
    }
}

extension WorkerLimits {
    init(_ limits: Configuration.WorkerLimits, _ grant: Configuration.Grant) {
        self.init()
        memoryBytes = limits.memory
        openFiles = limits.openFiles
        threads = limits.threads
        cpuNanoseconds = limits.cpuTime.nanosecondsForClock
        readablePaths = grant.read
        writablePaths = grant.write
    }
}
