import CPatchbay
import Glibc
package import PatchbayEvents
import PatchbaySchemas
import PatchbayTransfers
import Synchronization

/// A module whose code is in this process, for good.
package final class LoadedModule: Sendable {
    package let file: ModuleFile
    private let table: ModuleTable
    private let environment: HostEnvironment
    /// Handlers that are not destroyed, in the order of creation.
    private let living = Mutex<[LoadedHandler]>([])

    init(file: ModuleFile, table: ModuleTable, environment: HostEnvironment) {
        self.file = file
        self.table = table
        self.environment = environment
    }

    /// The table of a component that is no handler, under an id such as `patchbay.source/0`; `nil`: none. [scan]
    package func component(_ kind: String) -> UnsafeRawPointer? {
        guard let component = table.module.pointee.component else { return nil }
        return ForeignText.lending(kind) { component($0) }
    }

    /// Makes an instance of one handler.
    ///
    /// - Parameter instance: what stands before the dot in `billing.charge`; the module's name unless YAML says
    ///   otherwise.
    /// - Parameter configuration: a JSON object; defaults of the schema are filled in before the module gets it.
    /// - Parameter network: the services that the configuration lets it reach, as `NetworkGrant` has them.
    /// - Errors: `unknownHandler`, `badSchema`, `badConfiguration`, `createFailed` with the module's own message.
    /// - Concurrency: any thread; runs the module's code.
    package func makeHandler(
        _ id: String, instance: String, configuration: Value = .map(Value.Map()), network: [String] = []
    ) throws(ModuleError) -> LoadedHandler {
        let text = try file.approvedConfiguration(configuration, for: id)
        guard let declared = file.manifest.handler(id), let functions = table.handlers[id] else {
            throw file.unknownHandler(id)
        }
        let scope = HandlerScope(instance: instance, handler: id)
        let context = HostContext(
            environment: environment, module: file.manifest.name, version: file.manifest.version, scope: scope,
            network: NetworkGrant(declared: file.manifest.network, granted: network))
        let host = HostBlock.make(for: context)
        var created: OpaquePointer?
        context.isCreating = true
        _ = HandlerMessage.take()
        let status = ForeignText.lending(text) { functions.pointee.create(host, $0, &created) }
        context.isCreating = false
        guard status >= 0 else {
            throw ModuleError(
                .createFailed, file: file.path, "the handler '\(id)' refused to start with \(StatusName.of(status))",
                remedy: "see the handler's own message; correct its configuration or its surroundings",
                cause: StatusName.message(HandlerMessage.take()))
        }
        let handler = LoadedHandler(
            module: self, declared: declared, scope: scope, functions: functions, instance: created,
            counters: context.counters)
        living.withLock { $0.append(handler) }
        return handler
    }

    /// In the order of creation.
    var handlers: [LoadedHandler] { living.withLock { $0 } }

    func forget(_ handler: LoadedHandler) { living.withLock { $0.removeAll { $0 === handler } } }

    func shutdown() { table.module.pointee.shutdown?() }
}
