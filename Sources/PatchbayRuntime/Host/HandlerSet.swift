import CPatchbaySystem
import Logging
import PatchbayConfiguration
import PatchbayEvents
import PatchbayModules
import Synchronization

/// The handlers that the lanes need: loaded, created, and at the end drained and destroyed. Versions of module
/// instances come and go while it runs. [any thread]
final class HandlerSet: Sendable {
    private struct State {
        /// By instance.
        var present: [String: ModuleVersion] = [:]
        /// Of all versions so far.
        var counters: [(handler: String, counters: MisbehaviourCounters)] = []

        mutating func install(_ version: ModuleVersion) {
            present[version.instance.name] = version
            add(version)
        }

        mutating func add(_ version: ModuleVersion) {
            for handler in version.handlers where !counters.contains(where: { $0.counters === handler.counters }) {
                counters.append((handler.scope.name, handler.counters))
            }
        }
    }

    /// By the name that routes use, as the run begins.
    let byName: [String: Handler]
    private let state: Mutex<State>
    private let loader: ModuleLoader
    private let staging: StagingDirectory
    private let logger: Logger

    /// - Parameter other: whose state, timers and subscriptions the handlers of modules see; `nil`: their own.
    init(
        _ preparation: Preparation, handlers: [String], environment: HostEnvironment,
        watch: (any CallWatch)? = nil, inPlaceOf other: HandlerScope? = nil, logger: Logger
    ) throws(HostError) {
        self.logger = logger
        do {
            staging = try StagingDirectory()
        } catch {
            throw HostError("\(error)")
        }
        loader = ModuleLoader(staging: staging, environment: environment, watch: watch)
        var byName: [String: Handler] = [:]
        var used: [(instance: ModuleCatalogue.Instance, handlers: [String])] = []
        for name in handlers {
            do throws(FunctionFailure) {
                let builtin = try Builtins.handler(
                    name, in: preparation.configuration, environment: environment, loader: loader,
                    libraries: preparation.libraries, crashed: preparation.crashed.functions)
                if let builtin {
                    byName[name] = builtin
                    continue
                }
            } catch {
                // Checked a moment ago: its library has gone since.
                _ = loader.close(deadline: pbs_now())
                staging.remove()
                throw HostError("\(name): \(error.message)")
            }
            let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
            guard parts.count == 2, let instance = preparation.catalogue.instances[parts[0]] else {
                throw HostError("no module provides the handler '\(name)'")
            }
            if let known = used.firstIndex(where: { $0.instance.name == instance.name }) {
                used[known].handlers.append(parts[1])
            } else {
                used.append((instance, [parts[1]]))
            }
        }
        var first = State()
        do throws(ModuleError) {
            for (instance, handlers) in used {
                let version = try Self.make(instance, handlers, by: loader, inPlaceOf: other)
                first.install(version)
                for handler in version.handlers { byName[handler.scope.name] = handler.handler }
            }
        } catch {
            _ = loader.close(deadline: pbs_now())
            staging.remove()
            throw HostError(error.cause.map { "\(error) (\($0))" } ?? "\(error)")
        }
        self.byName = byName
        // What has no effects wants nothing of subscriptions either.
        if other == nil { for (instance, _) in used { first.present[instance.name]?.hold() } }
        state = Mutex(first)
    }

    // MARK: Versions

    /// Loads an instance's module beside what runs, and makes the handlers of it with these ids. It takes no calls yet.
    ///
    /// - Errors: of loading and of `create`; nothing of it is left then but its code in memory.
    /// - Concurrency: blocks on the file system and on the module's own code.
    func make(_ instance: ModuleCatalogue.Instance, _ handlers: [String]) throws(ModuleError) -> ModuleVersion {
        try Self.make(instance, handlers, by: loader)
    }

    /// The instance's calls run this version from now on.
    func install(_ version: ModuleVersion) { state.withLock { $0.install(version) } }

    /// Some of the instance's calls run this version: what it does wrong counts.
    func add(_ version: ModuleVersion) { state.withLock { $0.add(version) } }

    /// Frees the handlers of a version that nothing calls, and ends its worker where it has one.
    func destroy(_ version: ModuleVersion) {
        guard let module = version.handlers.first?.module else { return }
        Self.destroy(version.handlers, module, loader)
    }

    private static func destroy(_ handlers: [LoadedHandler], _ module: LoadedModule, _ loader: ModuleLoader) {
        for handler in handlers.reversed() { handler.destroy() }
        loader.release(module, deadline: pbs_now() + 5_000_000_000)
    }

    /// As it runs now, by instance.
    var present: [String: ModuleVersion] { state.withLock { $0.present } }

    /// What is in memory and used by no handler: how many files, and their bytes.
    var unused: (files: Int, bytes: Int) { loader.unused }

    private static func make(
        _ instance: ModuleCatalogue.Instance, _ handlers: [String], by loader: ModuleLoader,
        inPlaceOf other: HandlerScope? = nil
    ) throws(ModuleError) -> ModuleVersion {
        let module = try loader.load(instance.file, instance.isolation, instance: instance.name)
        var made: [LoadedHandler] = []
        do throws(ModuleError) {
            for handler in handlers {
                made.append(
                    try module.makeHandler(
                        handler, instance: instance.name, configuration: instance.config.value,
                        network: instance.network, shown: instance.shown, inPlaceOf: other))
            }
        } catch {
            destroy(made, module, loader)
            throw error
        }
        return ModuleVersion(instance: instance, handlers: made)
    }

    // MARK: Reports

    /// Counts what the dispatcher saw a handler do; the host's own handlers have no counters.
    func count(_ kind: Misbehaviour, of name: String) {
        let handler = state.withLock { state in
            state.present[String(name.prefix { $0 != "." })]?.handlers.first { $0.scope.name == name }
        }
        handler?.counters.count(kind)
    }

    /// Drains and destroys the instances, and says how they misbehaved. With calls still open, code of theirs may run:
    /// then nothing is destroyed.
    func end(openCalls: Int) -> [RunReport.Misbehaviour] {
        if openCalls == 0 {
            for error in loader.close(deadline: pbs_now() + 5_000_000_000) { logger.error("\(error)") }
        } else {
            logger.warning("\(openCalls) calls are still open, so no handler is destroyed")
        }
        staging.remove()
        var sums: [RunReport.Misbehaviour] = []
        for (handler, counters) in state.withLock({ $0.counters }) {
            for (kind, count) in counters.report {
                if let known = sums.firstIndex(where: { $0.handler == handler && $0.kind == kind.name }) {
                    sums[known].count += count
                } else {
                    sums.append(RunReport.Misbehaviour(handler: handler, kind: kind.name, count: count))
                }
            }
        }
        return sums
    }
}
