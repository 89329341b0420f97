import PatchbayConfiguration
import PatchbayEvents
import PatchbayExpressions
import PatchbayModules

/// What of `modules.functions` can be known before an event comes: signature, library, symbol, and the arguments' types.
enum FunctionCheck {
    struct Compiled {
        let signature: FunctionSignature
        let arguments: [Expression]
        let fail: Expression?
        let retry: Expression?
        let plan: FieldPlan
    }

    /// Adds what is wrong to the draft, at its place. The libraries are loaded: into this process, or a worker's.
    static func check(_ draft: inout ConfigurationDraft, _ libraries: FunctionLibraries) {
        // Whose code may run is not known then.
        guard !draft.errors.contains(where: { $0.path.hasPrefix("security") }) else { return }
        for (index, function) in draft.configuration.modules.functions.enumerated() {
            let entry = "modules.functions[\(index)]"
            // What could not be read is missing here.
            guard !draft.errors.contains(where: { $0.path.hasPrefix(entry) }) else { continue }
            do throws(FunctionFailure) {
                let compiled = try compile(function)
                switch function.isolation {
                case .inline: _ = try bound(compiled.signature, function, libraries)
                case .process: try look(function, libraries)
                }
            } catch {
                let path = entry + (error.key.isEmpty ? "" : ".\(error.key)")
                draft.add(
                    ConfigurationError(
                        code: error.key == "library" || error.key == "symbol" ? .unresolved : .badValue,
                        message: "function '\(function.name)': \(error.message)",
                        location: draft.location(of: path) ?? function.location, path: path))
            }
        }
    }

    static func compile(_ configuration: Configuration.Function) throws(FunctionFailure) -> Compiled {
        let signature: FunctionSignature
        do throws(FunctionError) {
            signature = try FunctionSignature(configuration.signature)
        } catch {
            throw FunctionFailure("\(error.message), at character \(error.offset + 1)", key: "signature")
        }
        let names = signature.outs.map(\.name)
        if let twice = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw FunctionFailure("two out parameters are named '\(twice)'", key: "signature")
        }
        let ins = signature.ins
        guard ins.count == configuration.args.count else {
            throw FunctionFailure(
                "the signature takes \(ins.count) arguments, and there are \(configuration.args.count)",
                key: configuration.args.isEmpty ? "" : "args")
        }
        let plan = FieldPlan()
        let environment = ExpressionEnvironment(
            eventPlan: plan, variables: Configuration.argumentVariables)
        var arguments: [Expression] = []
        for (index, (source, shape)) in zip(configuration.args, ins).enumerated() {
            let key = "args[\(index)]"
            let expression = try expression(source.text, environment, key)
            guard FunctionCodec.mayFit(expression.resultType, shape) else {
                throw FunctionFailure("a value of type \(expression.resultType) does not fit \(shape.text)", key: key)
            }
            if expression.isConstant { try check(constant: expression, shape, key) }
            arguments.append(expression)
        }
        let outcome = ExpressionEnvironment(variables: Configuration.outcomeVariables)
        let fail = configuration.fail.isEmpty ? nil : try expression(configuration.fail.text, outcome, "fail")
        let retry = configuration.retry.isEmpty ? nil : try expression(configuration.retry.text, outcome, "retry")
        return Compiled(signature: signature, arguments: arguments, fail: fail, retry: retry, plan: plan)
    }

    /// The function in this process.
    static func bound(
        _ signature: FunctionSignature, _ configuration: Configuration.Function, _ libraries: FunctionLibraries
    ) throws(FunctionFailure) -> CFunction {
        let library = configuration.library
        let file = try file(of: library, libraries)
        do throws(FunctionError) {
            return try CFunction(signature, library: file, symbol: configuration.symbol)
        } catch {
            let key = error.part == .library ? "library" : error.part == .symbol ? "symbol" : "signature"
            throw FunctionFailure(libraries.naming(library, in: error.message), key: key)
        }
    }

    /// What is loaded for a library.
    static func file(of library: String, _ libraries: FunctionLibraries) throws(FunctionFailure) -> String {
        do throws(ModuleError) {
            return try libraries.path(of: library)
        } catch {
            // Its own file's, or that of one beside it.
            throw FunctionFailure(
                "\(error.file) \(error.message)\(error.cause.map { ": \($0)" } ?? "")", key: "library")
        }
    }

    private static func look(
        _ configuration: Configuration.Function, _ libraries: FunctionLibraries
    ) throws(FunctionFailure) {
        let function = try FunctionWorker.Function(configuration, libraries)
        do throws(ModuleError) {
            try FunctionWorker.check(
                function, limits: WorkerLimits(configuration.limits, configuration.grant))
        } catch {
            throw FunctionFailure(error, configuration.library, libraries)
        }
    }

    private static func expression(
        _ text: String, _ environment: ExpressionEnvironment, _ key: String
    ) throws(FunctionFailure) -> Expression {
        do {
            return try Expression(text, in: environment)
        } catch {
            throw FunctionFailure(error.message, key: key)
        }
    }

    private static func check(
        constant: Expression, _ shape: FunctionSignature.Shape, _ key: String
    ) throws(FunctionFailure) {
        let value: Value
        do throws(EvaluationError) {
            value = try constant.evaluate(nil)
        } catch {
            throw FunctionFailure("it always fails: \(error.message)", key: key)
        }
        do throws(FunctionCodec.Misfit) {
            var bytes: [UInt8] = []
            try FunctionCodec.append(value, as: shape, to: &bytes)
        } catch {
            throw FunctionFailure(error.message, key: key)
        }
    }
}
