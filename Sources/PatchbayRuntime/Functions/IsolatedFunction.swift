import CPatchbay
import PatchbayConfiguration
import PatchbayEvents
import PatchbayModules

/// A function that runs in a process of its own, as dispatch calls it.
final class IsolatedFunction: Sendable {
    private let name: String
    private let configuration: Configuration.Function
    private let surroundings: FunctionHandler
    private let worker: FunctionWorker

    init(
        _ configuration: Configuration.Function, _ surroundings: FunctionHandler, _ loader: ModuleLoader,
        _ libraries: FunctionLibraries
    ) throws(FunctionFailure) {
        let function = try FunctionWorker.Function(configuration, libraries)
        name = function.name
        self.configuration = configuration
        self.surroundings = surroundings
        // One that the file has inline has no limits there.
        let limits =
            configuration.isolation == .inline
            ? WorkerLimits.unconfined : WorkerLimits(configuration.limits, configuration.grant)
        do throws(ModuleError) {
            worker = try loader.function(function, limits: limits) { surroundings.finish($0, $1) }
        } catch {
            throw FunctionFailure(error, configuration.library, libraries)
        }
    }

    var handler: Handler {
        Handler(
            name: name, module: configuration.library, version: "",
            definition: Handler.definition(module: "", version: "", handler: name),
            concurrency: configuration.concurrency, blocking: true, batchMax: 0,
            instance: OpaquePointer(Unmanaged.passUnretained(self).toOpaque()),
            handle: { instance, call, event in
                guard let instance, let event else { return .badArgument }
                return IsolatedFunction.with(instance) { $0.handle(call, event.pointee) }
            },
            handleBatch: nil,
            cancel: { instance, call, why in
                guard let instance else { return }
                IsolatedFunction.with(instance) { $0.worker.cancel(call, why: why) }
            },
            owner: self)
    }

    private func handle(_ call: patchbay_call, _ event: patchbay_event) -> patchbay_status {
        surroundings.handle(call, event) { (bytes) throws(FunctionFailure) in worker.call(call, bytes, for: event) }
    }

    private static func with<R>(_ instance: OpaquePointer, _ body: (IsolatedFunction) -> R) -> R {
        Unmanaged<IsolatedFunction>.fromOpaque(UnsafeRawPointer(instance))._withUnsafeGuaranteedRef { body($0) }
    }
}

extension FunctionWorker.Function {
    init(_ configuration: Configuration.Function, _ libraries: FunctionLibraries) throws(FunctionFailure) {
        self.init(
            name: "functions.\(configuration.name)", library: configuration.library,
            file: try FunctionCheck.file(of: configuration.library, libraries), symbol: configuration.symbol,
            signature: configuration.signature)
    }
}

extension FunctionFailure {
    /// What a worker says against a function; the first word of its cause is the key at fault.
    init(_ error: ModuleError, _ library: String, _ libraries: FunctionLibraries) {
        guard error.code == .createFailed, let cause = error.cause.map({ libraries.naming(library, in: $0) }) else {
            self.init("\(error.message)\(error.cause.map { ": \($0)" } ?? "")", key: "library")
            return
        }
        let key = ["signature", "library", "symbol"].first { cause.hasPrefix("\($0): ") }
        // Without one the worker ended: constructors of the library run there.
        self.init(key.map { String(cause.dropFirst($0.utf8.count + 2)) } ?? cause, key: key ?? "library")
    }
}
