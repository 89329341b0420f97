import CPatchbay
import CPatchbaySystem
import Glibc
import PatchbayEvents
import Synchronization

/// Loads accepted modules: into this process, each content once and for good, or into a worker for each instance.
package final class ModuleLoader: Sendable {
    private let staging: StagingDirectory
    private let environment: HostEnvironment
    private let watch: (any CallWatch)?
    /// Held over the whole of `load`, while code of the module runs: one module is loaded at a time.
    private let loading = Mutex<Void>(())
    /// In the order of loading.
    private let loaded = Mutex<[LoadedModule]>([])
    private let functions = Mutex<[FunctionWorker]>([])
    /// The libraries that modules brought along, by SONAME: the dynamic loader opens each once.
    private let bundled = Mutex<[String: ContentHash]>([:])
    /// What there are private copies of, and where: whatever became of the files since, these can be loaded.
    private let copies = Mutex<[Copied: String]>([:])
    /// Bytes of files that are mapped and turned out to be no modules.
    private let failed = Mutex<[Int]>([])

    /// A module with the libraries beside it, by content; the file's name is what messages call its frames.
    private struct Copied: Hashable {
        let name: String
        let module: ContentHash
        /// By their place, relative to the module's folder.
        let libraries: [String: ContentHash]

        init(_ file: ModuleFile) {
            name = file.path.split(separator: "/").last.map(String.init) ?? "module.so"
            module = file.contentHash
            libraries = Dictionary(
                file.libraries.map { ($0.relativePath, $0.contentHash) }, uniquingKeysWith: { first, _ in first })
        }
    }

    /// - Parameter watch: sees the calls of handlers as they are made; `nil`: nobody does.
    package init(staging: StagingDirectory, environment: HostEnvironment, watch: (any CallWatch)? = nil) {
        self.staging = staging
        self.watch = watch
        self.environment = environment
    }

    /// Stages, opens and asks the module for its handlers. The same content again gives the module that is there, but for
    /// one that is isolated, which gets a worker each time.
    ///
    /// - Parameter instance: whose worker, of a module that is isolated.
    /// - Errors: `changedSinceScan`, `staging`, `openFailed`, `entryFailed`, `shortStruct`, `missingFunction`,
    ///   `lyingManifest`, and what reading the file can give. Its constructors and its entry have run by some of them.
    /// - Concurrency: any thread; blocks on the file system and on the module's own code.
    package func load(
        _ file: ModuleFile, _ isolation: ModuleIsolation = .inline, instance: String = ""
    ) throws(ModuleError) -> LoadedModule {
        try loading.withLock { _ throws(ModuleError) in
            if case .process(let limits) = isolation {
                let code = try IsolatedModule(
                    WorkerCode(file, at: try stage(file, isAlone: true)), instance: instance, limits: limits,
                    environment: environment, isWatched: watch != nil)
                let module = LoadedModule(file: file, code: .isolated(code), environment: environment, watch: watch)
                loaded.withLock { $0.append(module) }
                return module
            }
            let known = loaded.withLock { $0.first { $0.file.contentHash == file.contentHash && $0.worker == nil } }
            if let known { return known }
            let path = try stage(file, isAlone: false)
            do throws(ModuleError) {
                let module = try open(file, at: path)
                loaded.withLock { $0.append(module) }
                return module
            } catch {
                if error.code != .openFailed { failed.withLock { $0.append(file.bytes) } }
                throw error
            }
        }
    }

    /// A plain C function in a worker of its own, until `close`.
    ///
    /// - Errors and concurrency: those of `FunctionWorker.init`.
    package func function(
        _ function: FunctionWorker.Function, limits: WorkerLimits, completion: @escaping FunctionWorker.Completion
    ) throws(ModuleError) -> FunctionWorker {
        let worker = try FunctionWorker(
            function, limits: limits, environment: environment, completion: completion)
        functions.withLock { $0.append(worker) }
        return worker
    }

    /// What is in memory and used by no handler: how many files, and their bytes.
    package var unused: (files: Int, bytes: Int) {
        let modules = loaded.withLock { $0.filter { $0.worker == nil && $0.handlers.isEmpty } }
        let idle = modules.map(\.file.bytes) + failed.withLock { $0 }
        return (idle.count, idle.reduce(0, +))
    }

    /// Ends the worker of an isolated module whose handlers are destroyed; code in this process stays.
    ///
    /// - Parameter deadline: nanoseconds of the monotonic clock; blocks until then at most, and a little.
    package func release(_ module: LoadedModule, deadline: UInt64) {
        guard module.worker != nil, module.handlers.isEmpty else { return }
        loaded.withLock { $0.removeAll { $0 === module } }
        module.shutdown(deadline: deadline)
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
        for worker in functions.withLock({ $0 }) { worker.end() }
        staging.remove()
        return failures
    }

    /// Where a private copy of the module lies, with the libraries beside it: bytes with the hashes of the scan, read
    /// once, so that what was judged is what is loaded, also after the file has changed.
    ///
    /// - Parameter isAlone: no other module shares its process.
    private func stage(_ file: ModuleFile, isAlone: Bool) throws(ModuleError) -> String {
        let content = Copied(file)
        let known = copies.withLock { $0[content] }
        let path: String
        if let known { path = known } else { path = try copy(file, content) }
        if !isAlone { for library in file.libraries { try check(library, of: file) } }
        return path
    }

    private func copy(_ file: ModuleFile, _ content: Copied) throws(ModuleError) -> String {
        // Another name, or other libraries, of a module that is there.
        let others = copies.withLock { $0.keys.count { $0.module == content.module } }
        let bytes = try contents(of: file.path, file.contentHash)
        let path = try staging.stage(bytes, hash: file.contentHash, number: others, name: content.name)
        let folder = Folder.parent(of: path)
        for library in file.libraries {
            let bytes = try contents(of: library.path, library.contentHash)
            try staging.write(bytes, to: "\(folder)/\(library.relativePath)")
        }
        copies.withLock { $0[content] = path }
        return path
    }

    private func contents(of path: String, _ hash: ContentHash) throws(ModuleError) -> [UInt8] {
        let bytes = try FileContents(path: path).bytes
        guard ContentHash(of: bytes) == hash else {
            throw ModuleError(
                .changedSinceScan, file: path, "has changed since it was examined", remedy: "start again")
        }
        return bytes
    }

    /// Another build of a library would not be opened: the module would run with the first one.
    private func check(_ library: ModuleFile.Library, of file: ModuleFile) throws(ModuleError) {
        let hash = library.contentHash
        let known = bundled.withLock { known in
            defer { if known[library.soname] == nil { known[library.soname] = hash } }
            return known[library.soname]
        }
        guard let known, known != hash else { return }
        throw ModuleError(
            .duplicateSONAME, file: file.path,
            "brings another build of \(library.soname) than a module that is loaded already",
            remedy: "start the host anew, give the library another SONAME, or link it statically")
    }

    private func open(_ file: ModuleFile, at path: String) throws(ModuleError) -> LoadedModule {
        let code = CodeOwner(module: file.manifest.name, version: file.manifest.version)
        let opened = code.running("dlopen") { dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) }
        guard let library = opened else {
            throw ModuleError(
                .openFailed, file: file.path, "cannot be loaded",
                remedy: "install the library that is missing, or link the symbol that is undefined",
                cause: dlerror().map { String(cString: $0) })
        }
        pbs_crash_module(library, code.pointer)
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
        let status = code.running("patchbay_module_v1") { entry(HostBlock.make(for: context), &out) }
        guard status >= 0 else {
            throw ModuleError(
                .entryFailed, file: file.path, "its entry failed with \(StatusName.of(status))",
                remedy: "see the module's own message", cause: StatusName.message(HandlerMessage.take()))
        }
        let table = try ModuleTable(out, manifest: file.manifest, file: file.path)
        return LoadedModule(file: file, code: .inline(table), environment: environment, watch: watch)
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
