import CPatchbay
import CPatchbayJSON
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayExpressions
import PatchbayModules
import PatchbayRouting
import Synchronization

/// What is around a plain C function: an event's values become its arguments, what it gives an outcome.
///
/// [worker threads, as many as `concurrency` admits]
final class FunctionHandler: Sendable {
    /// Invariant: one thread has it at a time, since it is taken out of the pool to be used.
    private struct Lent: @unchecked Sendable {
        let values: EventValues
    }

    private let name: String
    private let configuration: Configuration.Function
    private let signature: FunctionSignature
    private let arguments: [Expression]
    private let fail: Expression?
    private let retry: Expression?
    private let plan: FieldPlan
    private let environment: HostEnvironment
    private let pool = Mutex<[Lent]>([])
    private static let poolMax = 64

    private init(_ configuration: Configuration.Function, environment: HostEnvironment) throws(FunctionFailure) {
        let compiled = try FunctionCheck.compile(configuration)
        name = "functions.\(configuration.name)"
        self.configuration = configuration
        self.environment = environment
        signature = compiled.signature
        arguments = compiled.arguments
        fail = compiled.fail
        retry = compiled.retry
        plan = compiled.plan
    }

    /// `functions.NAME`, in the host's process or in one of its own.
    ///
    /// - Throws: what `FunctionCheck` finds, too.
    static func handler(
        _ configuration: Configuration.Function, environment: HostEnvironment, loader: ModuleLoader,
        libraries: FunctionLibraries, isInline: Bool
    ) throws(FunctionFailure) -> Handler {
        let surroundings = try FunctionHandler(configuration, environment: environment)
        guard isInline else {
            return try IsolatedFunction(configuration, surroundings, loader, libraries).handler
        }
        let function = try FunctionCheck.bound(surroundings.signature, configuration, libraries)
        return Handler(
            name: surroundings.name, module: configuration.library, concurrency: configuration.concurrency,
            blocking: configuration.blocking
        ) { call, event in
            surroundings.handle(call, event.pointee) { (bytes) throws(FunctionFailure) in
                guard let given = function.call(bytes) else { throw FunctionFailure("no memory for the call") }
                return surroundings.finish(call, given)
            }
        }
    }

    /// Has the function called with what the event gives.
    func handle(
        _ call: patchbay_call, _ view: patchbay_event,
        _ body: ([UInt8]) throws(FunctionFailure) -> patchbay_status
    ) -> patchbay_status {
        do throws(FunctionFailure) {
            return try body(try encodedArguments(Event(view)))
        } catch {
            return refuse(call, error)
        }
    }

    /// Ends a call whose function gave these bytes.
    func finish(_ call: patchbay_call, _ given: [UInt8]) -> patchbay_status {
        let calls = environment.calls
        do throws(FunctionFailure) {
            guard let outcome = FunctionCodec.outcome(given, of: signature) else {
                throw FunctionFailure("what the function gave cannot be read")
            }
            let variables = outcome.variables
            if try isTrue(fail, "fail", variables) { return calls.complete(call, .fail, details(outcome)) }
            if try isTrue(retry, "retry", variables) { return calls.complete(call, .retry, details(outcome)) }
            if let emit = configuration.emit, !add(outcome, as: emit.type, to: call) {
                throw FunctionFailure("what the function gave is more than a call may emit")
            }
            return calls.complete(call, .done, nil)
        } catch {
            return refuse(call, error)
        }
    }

    private func refuse(_ call: patchbay_call, _ error: FunctionFailure) -> patchbay_status {
        var details = ResultDetails(reason: "invalid: \(error.message)")
        details.sparesBreaker = true
        return environment.calls.complete(call, .fail, details)
    }

    private func encodedArguments(_ event: Event) throws(FunctionFailure) -> [UInt8] {
        let lent =
            pool.withLock { $0.popLast() }
            ?? Lent(
                values: EventValues(
                    plan: plan,
                    limits: pbj_limits(
                        event_bytes: UInt32(clamping: environment.limits.eventBytes),
                        nesting: UInt32(clamping: environment.limits.nesting))))
        defer { pool.withLock { if $0.count < Self.poolMax { $0.append(lent) } } }
        if plan.count > 0 {
            do {
                try lent.values.load(event.json)
            } catch {
                throw FunctionFailure("the event cannot be read: \(error.message)")
            }
        }
        var bytes: [UInt8] = []
        for (index, (expression, shape)) in zip(arguments, signature.ins).enumerated() {
            let value = try FunctionFailure.of("args[\(index)]") { () throws(EvaluationError) in
                try lent.values.value(of: expression, variables: [.bytes(event.data ?? [])])
            }
            do throws(FunctionCodec.Misfit) {
                try FunctionCodec.append(value, as: shape, to: &bytes)
            } catch {
                throw FunctionFailure("args[\(index)]: \(error.message)")
            }
        }
        return bytes
    }

    private func isTrue(
        _ condition: Expression?, _ key: String, _ variables: [Value]
    ) throws(FunctionFailure) -> Bool {
        guard let condition else { return false }
        let value = try FunctionFailure.of(key) { () throws(EvaluationError) in
            try condition.evaluate(nil, variables: variables)
        }
        guard case .bool(let isTrue) = value else { throw FunctionFailure("\(key): it is neither true nor false") }
        return isTrue
    }

    private func details(_ outcome: FunctionCodec.Outcome) -> ResultDetails {
        var details = ResultDetails(
            reason:
                "function: \(configuration.symbol) gave \(outcome.result.display.prefix(100)), errno \(outcome.errno)")
        details.code = Int32(clamping: outcome.errno)
        details.detail = outcome.data.json
        return details
    }

    private func add(_ outcome: FunctionCodec.Outcome, as type: String, to call: patchbay_call) -> Bool {
        let event = Event(
            id: "", source: "//patchbay/functions/\(configuration.name)", type: type,
            datacontenttype: "application/json", data: outcome.data.json)
        return EmitService.add(
            EmittedEvent(event: event, notBefore: 0), to: call, environment.calls, environment.limits) != false
    }
}

/// Why an event could not be handed to a function, or why there is no such function.
struct FunctionFailure: Error {
    let message: String
    /// The key under the function that is at fault; empty for the function as a whole.
    let key: String

    init(_ message: String, key: String = "") {
        self.message = message
        self.key = key
    }

    /// An expression's value, or why it has none, by the place that it has in the configuration.
    static func of(_ place: String, _ evaluate: () throws(EvaluationError) -> Value) throws(FunctionFailure) -> Value {
        do throws(EvaluationError) {
            return try evaluate()
        } catch {
            throw FunctionFailure("\(place): \(error.message)")
        }
    }
}
