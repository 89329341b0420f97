import CPatchbaySystem
import Logging
import PatchbayConfiguration
import PatchbayEvents
import PatchbayModules
import Synchronization

/// The handlers that the lanes need: loaded, created, and at the end drained and destroyed.
final class HandlerSet: Sendable {
    /// By the name that routes use.
    let byName: [String: Handler]
    private let loaded: [LoadedHandler]
    private let loader: ModuleLoader
    private let staging: StagingDirectory
    private let logger: Logger

    init(
        _ preparation: Preparation, handlers: [String], environment: HostEnvironment, logger: Logger
    ) throws(HostError) {
        self.logger = logger
        do {
            staging = try StagingDirectory()
        } catch {
            throw HostError("\(error)")
        }
        loader = ModuleLoader(staging: staging, environment: environment)
        var byName: [String: Handler] = [:]
        var loaded: [LoadedHandler] = []
        for name in handlers {
            if let builtin = Builtins.handler(
                name, in: preparation.configuration, environment: environment)
            {
                byName[name] = builtin
                continue
            }
            let parts = name.split(separator: ".", maxSplits: 1).map(String.init)
            guard parts.count == 2, let instance = preparation.catalogue.instances[parts[0]] else {
                throw HostError("no module provides the handler '\(name)'")
            }
            do throws(ModuleError) {
                let handler = try loader.load(
                    instance.file, instance.isolation, instance: instance.name
                ).makeHandler(
                    parts[1], instance: instance.name, configuration: instance.config.value,
                    network: instance.network)
                loaded.append(handler)
                byName[name] = handler.handler
            } catch {
                _ = loader.close(deadline: pbs_now())
                staging.remove()
                throw HostError(error.cause.map { "\(error) (\($0))" } ?? "\(error)")
            }
        }
        self.byName = byName
        self.loaded = loaded
    }

    /// Counts what the dispatcher saw a handler do; the host's own handlers have no counters.
    func count(_ kind: Misbehaviour, of name: String) {
        loaded.first { $0.scope.name == name }?.counters.count(kind)
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
        return loaded.flatMap { handler in
            handler.counters.report.map {
                RunReport.Misbehaviour(handler: handler.scope.name, kind: $0.kind.name, count: $0.count)
            }
        }
    }
}
