package import CPatchbay
import CPatchbaySystem
import Logging
import PatchbayEvents
import PatchbayTelemetry

/// A plain C function in a process of its own, through the handler that workers have themselves.
///
/// Arguments and results are bytes as `patchbay_ffi.h` has them. [any thread]
package final class FunctionWorker: Sendable {
    /// What is to be called.
    package struct Function: Sendable {
        /// As dead letters and log lines name it: `functions.checksum`.
        package let name: String
        package let library: String
        /// What is loaded for it, as `FunctionLibraries` says.
        package let file: String
        package let symbol: String
        package let signature: String

        package init(name: String, library: String, file: String, symbol: String, signature: String) {
            (self.name, self.library, self.file) = (name, library, file)
            (self.symbol, self.signature) = (symbol, signature)
        }
    }

    /// Ends a call whose function gave these bytes. They come from another process, which may have gone wild.
    package typealias Completion = @Sendable (patchbay_call, [UInt8]) -> patchbay_status

    private let module: IsolatedModule
    private let instance: IsolatedInstance

    /// Starts the worker, which loads the library: its constructors run there.
    ///
    /// - Errors: `workerFailed`; `createFailed`, whose cause begins with `signature: `, `library: ` or `symbol: `.
    /// - Concurrency: blocks until the worker has it.
    init(
        _ function: Function, limits: WorkerLimits, environment: HostEnvironment, completion: @escaping Completion
    ) throws(ModuleError) {
        let instanceName = String(function.name.prefix { $0 != "." })
        let scope = HandlerScope(
            instance: instanceName, handler: String(function.name.dropFirst(instanceName.utf8.count + 1)))
        module = try IsolatedModule(
            WorkerCode(function), instance: function.name, limits: limits,
            environment: environment)
        let context = HostContext(
            environment: environment, module: function.library, version: "", scope: scope
        ) { call, result in
            guard let result, result.pointee.outcome == Int32(PATCHBAY_DONE) else {
                return environment.calls.complete(call, result)
            }
            let reply = result.pointee.reply
            return completion(call, Array(UnsafeRawBufferPointer(start: reply.ptr, count: Int(reply.len))))
        }
        instance = IsolatedInstance(
            of: module, Self.declared,
            configuration: [function.signature, function.file, function.symbol].map { $0 + "\0" }.joined(),
            context: context)
        do throws(ModuleError) {
            try module.add(instance)
        } catch {
            module.end(by: 0)
            throw error
        }
    }

    /// What a worker says against the function: starts one, has it look, and ends it.
    ///
    /// - Errors and concurrency: those of `init`.
    package static func check(_ function: Function, limits: WorkerLimits) throws(ModuleError) {
        try FunctionWorker(function, limits: limits, environment: checking) { _, _ in .badState }.end()
    }

    /// One for all checks, since host pointers keep it for ever.
    private static let checking = HostEnvironment(
        version: "check", calls: CallTable(capacity: 1, doorbell: Doorbell()),
        logger: Logger(label: "patchbay") { _ in SwiftLogNoOpLogHandler() },
        spans: HandlerSpans(tracer: .off(ids: IDGenerator(seed: 1))), metrics: MetricsRegistry())

    /// As `functions.c` of the worker offers it.
    private static let declared = Manifest.Handler(
        id: "function", description: "", accepts: [], emits: [], concurrency: 0, blocking: true, batchMax: nil,
        configSchema: nil)

    /// Calls the function; the completion follows, or the call ends with its worker.
    package func call(
        _ call: patchbay_call, _ arguments: [UInt8], for event: patchbay_event
    ) -> patchbay_status {
        arguments.withUnsafeBufferPointer { bytes in
            var view = event
            view.data = bytes.baseAddress
            view.data_len = UInt64(bytes.count)
            return instance.handle(call, &view)
        }
    }

    /// The host asks a call to end; one that goes on is ended with its worker. [any][noblock]
    package func cancel(_ call: patchbay_call, why: Int32) { module.cancel(call, of: instance, why: why) }

    /// Ends the worker; a second time does nothing. No call may be open.
    package func end() { module.end(by: pbs_now()) }
}
