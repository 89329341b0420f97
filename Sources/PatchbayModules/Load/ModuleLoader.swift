import CPatchbay
import Glibc
import PatchbayEvents
import Synchronization

/// Loads accepted modules: into this process, each content once and for good, or into a worker for each instance.
package final class ModuleLoader: Sendable {
    private let staging: StagingDirectory
    private let environment: HostEnvironment
    /// In the order of loading. Held over the whole of `load`: one module is loaded at a time.
    private let loaded = Mutex<[LoadedModule]>([])

    package init(staging: StagingDirectory, environment: HostEnvironment) {
        self.staging = staging
        self.environment = environment
    }

    /// Stages, opens and asks the module for its handlers. The same content again gives the module that is there.
    ///
    /// - Parameter instance: whose worker, of a module that is isolated: each instance has its own.
    /// - Errors: `changedSinceScan`, `staging`, `openFailed`, `entryFailed`, `shortStruct`, `missingFunction`,
    ///   `lyingManifest`, and what reading the file can give. Its constructors and its entry have run by some of them.
    /// - Concurrency: any thread; blocks on the file system and on the module's own code.
    package func load(
        _ file: ModuleFile, _ isolation: ModuleIsolation = .inline, instance: String = ""
    ) throws(ModuleError) -> LoadedModule {
        try loaded.withLock { modules throws(ModuleError) in
            let worker = isolation == .inline ? nil : instance
            if let known = modules.first(where: { $0.file.contentHash == file.contentHash && $0.worker == worker }) {
                return known
            }
            let path = try stage(file)
            let module: LoadedModule
            switch isolation {
            case .inline: module = try open(file, at: path)
            case .process(let limits):
                let code = try IsolatedModule(
                    file, at: path, instance: instance, limits: limits, environment: environment)
                module = LoadedModule(file: file, code: .isolated(code), environment: environment)
            }
            modules.append(module)
            return module
        }
    }

    /// Ends everything, in the reverse order of its beginning: drains all handlers that still run, destroys them, shuts
    /// the modules down and removes their copies. No call may be open. A second time does nothing.
    ///
    /// - Parameter deadline: for all drains together, nanoseconds of the monotonic clock; 0 is no limit.
    /// - Returns: what could not drain; it was destroyed all the same.
    /// - Concurrency: one thread; blocks as long as the modules' own code does.
    package func close(deadline: UInt64) -> [ModuleError] {
        let modules = loaded.withLock { modules in
            defer { modules = [] }
            return modules
        }
        let handlers = modules.flatMap(\.handlers).reversed()
        var failures: [ModuleError] = []
        for handler in handlers {
            do throws(ModuleError) { try handler.drain(deadline: deadline) } catch { failures.append(error) }
        }
        for handler in handlers { handler.destroy() }
        for module in modules.reversed() { module.shutdown(deadline: deadline) }
        staging.remove()
        return failures
    }

    /// Copies the module, and the libraries that lie beside it, to a path of their own.
    private func stage(_ file: ModuleFile) throws(ModuleError) -> String {
        let bytes = try FileContents(path: file.path).bytes
        guard ContentHash(of: bytes) == file.contentHash else {
            throw ModuleError(
                .changedSinceScan, file: file.path, "has changed since it was examined", remedy: "start again")
        }
        let name = file.path.split(separator: "/").last.map(String.init) ?? "module.so"
        let path = try staging.stage(bytes, hash: file.contentHash, name: name)
        let folder = Folder.parent(of: path)
        for library in BundledLibraries.of(file.image, at: file.path) {
            let bytes = try FileContents(path: library.path).bytes
            try staging.write(bytes, to: "\(folder)/\(library.relativePath)")
        }
        return path
    }

    private func open(_ file: ModuleFile, at path: String) throws(ModuleError) -> LoadedModule {
        guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) else {
            throw ModuleError(
                .openFailed, file: file.path, "cannot be loaded",
                remedy: "install the library that is missing, or link the symbol that is undefined",
                cause: dlerror().map { String(cString: $0) })
        }
        let name = "\(ELFDynamic.entryPrefix)\(PATCHBAY_ABI_MAJOR)"
        guard let symbol = dlsym(library, name) else {
            throw ModuleError(
                .missingEntry, file: file.path, "does not export \(name)", remedy: "define it with PATCHBAY_EXPORT")
        }
        let entry = unsafeBitCast(symbol, to: patchbay_module_v1_fn.self)
        let context = HostContext(
            environment: environment, module: file.manifest.name, version: file.manifest.version, scope: nil)
        var out: UnsafePointer<patchbay_module>?
        _ = HandlerMessage.take()
        let status = entry(HostBlock.make(for: context), &out)
        guard status >= 0 else {
            throw ModuleError(
                .entryFailed, file: file.path, "its entry failed with \(StatusName.of(status))",
                remedy: "see the module's own message", cause: StatusName.message(HandlerMessage.take()))
        }
        let table = try ModuleTable(out, manifest: file.manifest, file: file.path)
        return LoadedModule(file: file, code: .inline(table), environment: environment)
    }
}

/// Statuses and messages for people.
enum StatusName {
    static func of(_ status: patchbay_status) -> String {
        switch status {
        case .badArgument: "PATCHBAY_E_ARG"
        case .badState: "PATCHBAY_E_STATE"
        case .unsupported: "PATCHBAY_E_UNSUPPORTED"
        case .noMemory: "PATCHBAY_E_NOMEM"
        case .stale: "PATCHBAY_E_STALE"
        case .conflict: "PATCHBAY_E_CONFLICT"
        case .limit: "PATCHBAY_E_LIMIT"
        case .internalError: "PATCHBAY_E_INTERNAL"
        case .notFound: "PATCHBAY_E_NOT_FOUND"
        default: "status \(status)"
        }
    }

    /// `nil` for an empty message.
    static func message(_ text: String) -> String? { text.isEmpty ? nil : text }
}
