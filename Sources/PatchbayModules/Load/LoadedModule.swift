import CPatchbay
import Glibc
package import PatchbayEvents
import PatchbaySchemas
import PatchbayTransfers
import Synchronization

/// A module that can make handlers: its code is in this process, for good, or in a worker's.
package final class LoadedModule: Sendable {
    enum Code: Sendable {
        case inline(ModuleTable)
        case isolated(IsolatedModule)
    }

    package let file: ModuleFile
    private let code: Code
    private let environment: HostEnvironment
    /// `nil`: nobody watches its handlers' calls.
    private let watch: (any CallWatch)?
    /// Handlers that are not destroyed, in the order of creation.
    private let living = Mutex<[LoadedHandler]>([])

    init(file: ModuleFile, code: Code, environment: HostEnvironment, watch: (any CallWatch)? = nil) {
        self.file = file
        self.code = code
        self.environment = environment
        self.watch = watch
    }

    /// The instance whose worker has the code; `nil` for code in this process.
    var worker: String? {
        guard case .isolated(let module) = code else { return nil }
        return module.instance
    }

    /// The table of a component that is no handler, under an id such as `patchbay.source/0`; `nil`: none, as in a module
    /// that is isolated. [scan]
    package func component(_ kind: String) -> UnsafeRawPointer? {
        guard case .inline(let table) = code, let component = table.module.pointee.component else { return nil }
        return ForeignText.lending(kind) { component($0) }
    }

    /// Makes an instance of one handler.
    ///
    /// - Parameter instance: what stands before the dot in `billing.charge`; the module's name unless YAML says
    ///   otherwise.
    /// - Parameter configuration: a JSON object; defaults of the schema are filled in before the module gets it.
    /// - Parameter network: the services that the configuration lets it reach, as `NetworkGrant` has them.
    /// - Parameter shown: the configuration as recordings may have it; `nil`: as it is.
    /// - Parameter other: whose state, timers and subscriptions its calls see; `nil`: its own.
    /// - Errors: `unknownHandler`, `badSchema`, `badConfiguration`, `createFailed` with the module's own message.
    /// - Concurrency: any thread; runs the module's code.
    package func makeHandler(
        _ id: String, instance: String, configuration: Value = .map(Value.Map()), network: [String] = [],
        shown: ShownConfiguration? = nil, inPlaceOf other: HandlerScope? = nil
    ) throws(ModuleError) -> LoadedHandler {
        let text = try file.approvedConfiguration(configuration, for: id)
        guard let declared = file.manifest.handler(id) else { throw file.unknownHandler(id) }
        let scope = HandlerScope(instance: instance, handler: id)
        let tap = watch.flatMap { watch in
            watch.watches(scope.name)
                ? CallTap(
                    CallSubject(
                        file: file, scope: scope, shown: shown ?? ShownConfiguration(configuration), network: network,
                        isIsolated: worker != nil), watch, calls: environment.calls) : nil
        }
        let context = HostContext(
            environment: environment, module: file.manifest.name, version: file.manifest.version,
            scope: other ?? scope, network: NetworkGrant(declared: file.manifest.network, granted: network), tap: tap)
        let handler =
            switch code {
            case .inline(let table): try makeInline(declared, scope, text, context, table)
            case .isolated(let module): try makeIsolated(declared, scope, text, context, module)
            }
        living.withLock { $0.append(handler) }
        return handler
    }

    private func makeInline(
        _ declared: Manifest.Handler, _ scope: HandlerScope, _ text: String, _ context: HostContext,
        _ table: ModuleTable
    ) throws(ModuleError) -> LoadedHandler {
        guard let functions = table.handlers[declared.id] else { throw file.unknownHandler(declared.id) }
        let host = context.tap == nil ? HostBlock.make(for: context) : TappedHost.make(for: context)
        var created: OpaquePointer?
        context.isCreating = true
        _ = HandlerMessage.take()
        let code = CodeOwner(module: file.manifest.name, version: file.manifest.version, handler: scope.name)
        let status = code.running("create") {
            ForeignText.lending(text) { functions.pointee.create(host, $0, &created) }
        }
        context.isCreating = false
        guard status >= 0 else {
            throw ModuleError(
                .createFailed, file: file.path,
                "the handler '\(declared.id)' refused to start with \(StatusName.of(status))",
                remedy: "see the handler's own message; correct its configuration or its surroundings",
                cause: StatusName.message(HandlerMessage.take()))
        }
        context.created()
        let handler = Handler(
            name: scope.name, module: file.manifest.name, version: file.manifest.version,
            definition: Handler.definition(
                module: file.manifest.name, version: file.manifest.version, handler: declared.id),
            concurrency: declared.concurrency, blocking: declared.blocking, batchMax: declared.batchMax ?? 0,
            instance: created, handle: functions.pointee.handle, handleBatch: functions.pointee.handle_batch,
            cancel: functions.pointee.cancel, owner: self)
        return LoadedHandler(
            module: self, scope: scope, handler: context.tap?.wrap(handler) ?? handler,
            instance: InlineInstance(functions: functions, instance: created, code: code), context: context)
    }

    private func makeIsolated(
        _ declared: Manifest.Handler, _ scope: HandlerScope, _ text: String, _ context: HostContext,
        _ module: IsolatedModule
    ) throws(ModuleError) -> LoadedHandler {
        let instance = IsolatedInstance(of: module, declared, configuration: text, context: context)
        try module.add(instance)
        context.created()
        let handler = instance.handler(scope, declared)
        return LoadedHandler(
            module: self, scope: scope, handler: context.tap?.wrap(handler) ?? handler, instance: instance,
            context: context)
    }

    /// In the order of creation.
    var handlers: [LoadedHandler] { living.withLock { $0 } }

    func forget(_ handler: LoadedHandler) { living.withLock { $0.removeAll { $0 === handler } } }

    /// The last call into the module. Ends its worker by `deadline` (monotonic nanoseconds; 0 is no limit).
    func shutdown(deadline: UInt64) {
        switch code {
        case .inline(let table):
            CodeOwner(module: file.manifest.name, version: file.manifest.version).running("shutdown") {
                table.module.pointee.shutdown?() ?? ()
            }
        case .isolated(let module): module.end(by: deadline)
        }
    }
}
