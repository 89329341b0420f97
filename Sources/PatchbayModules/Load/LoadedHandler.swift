import CPatchbay
package import PatchbayEvents
import Synchronization

/// One configured handler of a loaded module, from `create` to `destroy`.
///
/// Control calls follow one another; a call that comes too late for the instance's life is refused, not made.
package final class LoadedHandler: Sendable {
    private enum Stage { case running, drained, destroyed }

    package let module: LoadedModule
    package let scope: HandlerScope
    /// What dispatch calls. Its functions must not be called after `destroy`.
    package let handler: Handler
    package let counters: MisbehaviourCounters
    private let stage = Mutex(Stage.running)
    private let instance: any HandlerInstance
    private let context: HostContext

    init(
        module: LoadedModule, scope: HandlerScope, handler: Handler, instance: any HandlerInstance,
        context: HostContext
    ) {
        self.module = module
        self.scope = scope
        self.handler = handler
        self.instance = instance
        counters = context.counters
        self.context = context
    }

    /// It is the instance that holds from now on: what it wanted of subscriptions while it was created comes about. Only
    /// the first time counts. Not called for one that is on trial, or whose worker was started again. [any thread]
    package func hold() {
        let wanted = context.takeDeclared()
        if !wanted.isEmpty { context.environment.subscriptions.declare(wanted, of: scope) }
    }

    /// Gives a running instance a new configuration, validated and with defaults filled in.
    ///
    /// - Parameter shown: the configuration as recordings may have it; `nil`: as it is.
    /// - Errors: `reconfigureFailed` when it has no such function, is not running or refuses: make a second instance
    ///   and drain this one. `badConfiguration` before the module is asked.
    package func reconfigure(
        _ configuration: Value, shown: ShownConfiguration? = nil
    ) throws(ModuleError) {
        let text = try module.file.approvedConfiguration(configuration, for: scope.handler)
        try stage.withLock { stage throws(ModuleError) in
            _ = HandlerMessage.take()
            guard stage == .running, let status = instance.reconfigure(text) else {
                throw failure(.reconfigureFailed, "takes no new configuration while it runs", status: nil)
            }
            guard status >= 0 else {
                throw failure(.reconfigureFailed, "refused its new configuration", status: status)
            }
            context.tap?.reconfigured(shown ?? ShownConfiguration(configuration))
        }
    }

    /// Tells the instance that no new call will come, and lets it finish. Only the first time counts.
    ///
    /// - Parameter deadline: nanoseconds of the monotonic clock; 0 is no limit. Blocks as long as the module does.
    /// - Errors: `drainFailed`; go on with `destroy`.
    package func drain(deadline: UInt64) throws(ModuleError) {
        try stage.withLock { stage throws(ModuleError) in
            guard stage == .running else { return }
            stage = .drained
            _ = HandlerMessage.take()
            let status = instance.drain(deadline: deadline)
            guard status >= 0 else { throw failure(.drainFailed, "could not drain", status: status) }
        }
    }

    /// It has asked another service for something and has no answer yet. Each such answer has its time.
    package var awaitsAnswers: Bool { !context.answers.isEmpty }

    /// Frees the instance. No call may be open, no answer awaited. Only the first time counts.
    package func destroy() {
        let isFirst = stage.withLock { stage in
            guard stage != .destroyed else { return false }
            stage = .destroyed
            instance.destroy()
            return true
        }
        if isFirst { module.forget(self) }
    }

    private func failure(_ code: ModuleError.Code, _ what: String, status: patchbay_status?) -> ModuleError {
        let suffix = status.map { " with \(StatusName.of($0))" } ?? ""
        return ModuleError(
            code, file: module.file.path, "the handler '\(scope.name)' \(what)\(suffix)",
            remedy: "see the handler's own message",
            cause: status.flatMap { _ in StatusName.message(HandlerMessage.take()) })
    }
}

/// The control functions of an instance, wherever it runs. They follow one another.
protocol HandlerInstance: Sendable {
    /// `nil` when it has no such function.
    func reconfigure(_ text: String) -> patchbay_status?
    /// `deadline` in monotonic nanoseconds; 0 is no limit.
    func drain(deadline: UInt64) -> patchbay_status
    func destroy()
}

/// An instance in this process.
struct InlineInstance: HandlerInstance {
    // Invariant: both are the module's; the functions are static, the instance is only passed back.
    nonisolated(unsafe) let functions: UnsafePointer<patchbay_handler>
    nonisolated(unsafe) let instance: OpaquePointer?
    /// Whose they are, for crashes.
    let code: CodeOwner

    func reconfigure(_ text: String) -> patchbay_status? {
        guard let reconfigure = functions.pointee.reconfigure else { return nil }
        return code.running("reconfigure") { ForeignText.lending(text) { reconfigure(instance, $0) } }
    }

    func drain(deadline: UInt64) -> patchbay_status {
        guard let drain = functions.pointee.drain else { return .ok }
        return code.running("drain") { drain(instance, deadline) }
    }

    func destroy() { code.running("destroy") { functions.pointee.destroy(instance) } }
}
