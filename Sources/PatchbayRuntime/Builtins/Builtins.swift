import Logging
import PatchbayConfiguration
import PatchbayEvents
import PatchbayModules
import PatchbaySchemas

/// The handlers that need no module: `builtin.log`, `builtin.fail`, `builtin.exec` and `builtin.http`, and instances of
/// them that the file configures.
enum Builtins {
    /// Adds what is wrong with the built-ins' configuration to the draft.
    static func check(_ draft: inout ConfigurationDraft, _ libraries: FunctionLibraries) {
        FunctionCheck.check(&draft, libraries)
        for load in draft.configuration.modules.load {
            guard let builtin = load.builtin else { continue }
            do {
                draft.check(configOf: load.name, against: try JSONSchema(compiling: schema(of: builtin)))
            } catch {
                preconditionFailure("the schema of builtin.\(builtin.rawValue) is wrong: \(error)")
            }
        }
    }

    /// The handler behind a name such as `builtin.log`, `flaky.fail` or `functions.checksum`; `nil` when a module has to
    /// provide it.
    ///
    /// - Parameter crashed: functions of these names run in processes of their own, whatever the file says.
    static func handler(
        _ name: String, in configuration: Configuration, environment: HostEnvironment, loader: ModuleLoader,
        libraries: FunctionLibraries, crashed: Set<String> = []
    ) throws(FunctionFailure) -> Handler? {
        let module = String(name.prefix { $0 != "." })
        if module == "functions" {
            let function = configuration.modules.functions.first { $0.name == name.dropFirst(10) }
            guard let function else { return nil }
            return try FunctionHandler.handler(
                function, environment: environment, loader: loader, libraries: libraries,
                isInline: function.isolation == .inline && !crashed.contains(function.name))
        }
        if module == "builtin" {
            guard let kind = Configuration.Load.Builtin(rawValue: String(name.dropFirst(8))) else { return nil }
            return make(kind, name: name, config: .map([]), environment)
        }
        guard let load = configuration.modules.load.first(where: { $0.name == module }), let kind = load.builtin
        else { return nil }
        return make(kind, name: name, config: load.config, environment)
    }

    private static func make(
        _ kind: Configuration.Load.Builtin, name: String, config: ConfigurationValue, _ environment: HostEnvironment
    ) -> Handler {
        switch kind {
        case .log:
            var level = Logger.Level.info
            if case .string(let text)? = config["level"] { level = Logger.Level(rawValue: text) ?? level }
            return LogBuiltin.handler(name: name, level: level, logger: environment.logger)
        case .fail:
            var script: [FailBuiltin.Step] = []
            if case .list(let steps)? = config["script"] {
                script = steps.compactMap { step in
                    if case .string(let text) = step { FailBuiltin.Step(rawValue: text) } else { nil }
                }
            }
            var retryAfter: UInt64 = 0
            if case .int(let milliseconds)? = config["retryAfterMilliseconds"] {
                retryAfter = UInt64(max(0, milliseconds)) * 1_000_000
            }
            return FailBuiltin(
                script: script, repeats: config["repeat"] == .bool(true), retryAfter: retryAfter,
                calls: environment.calls
            ).handler(name: name)
        case .exec: return ExecBuiltin(name: name, ExecBuiltin.Settings(config), environment: environment).handler
        case .http: return HTTPBuiltin(name: name, HTTPBuiltin.Settings(config), environment: environment).handler
        }
    }

    private static func schema(of builtin: Configuration.Load.Builtin) -> Value {
        func strings(_ texts: [String]) -> Value { .list(texts.map { .string($0) }) }
        let properties: [(String, Value)] =
            switch builtin {
            case .log:
                [("level", .object([("enum", strings(Logger.Level.allCases.map(\.rawValue)))]))]
            case .exec:
                [
                    (
                        "command",
                        .object([
                            ("type", .string("array")), ("items", .object([("type", .string("string"))])),
                            ("minItems", .int(1)),
                        ])
                    ),
                    ("mode", .object([("enum", strings(["perEvent", "lines"]))])),
                    ("stdout", .object([("enum", strings(["log", "emit"]))])),
                    (
                        "exitCodes",
                        .object([
                            ("type", .string("object")),
                            (
                                "patternProperties",
                                .object([
                                    (
                                        "^[0-9]{1,3}$",
                                        .object([("enum", strings(CommandOutcome.names.keys.sorted()))])
                                    )
                                ])
                            ), ("additionalProperties", .bool(false)),
                        ])
                    ),
                ]
            case .http:
                [
                    (
                        "url", .object([("type", .string("string")), ("pattern", .string("^https?://[^/]"))])
                    ),
                    ("method", .object([("enum", strings(["POST", "PUT", "PATCH"]))])),
                    ("mode", .object([("enum", strings(["structured", "binary"]))])),
                    (
                        "headers",
                        .object([
                            ("type", .string("object")),
                            ("additionalProperties", .object([("type", .string("string"))])),
                        ])
                    ),
                    (
                        "timeoutMillis",
                        .object([("type", .string("integer")), ("minimum", .int(1)), ("maximum", .int(86_400_000))])
                    ),
                ]
            case .fail:
                [
                    (
                        "script",
                        .object([
                            ("type", .string("array")),
                            (
                                "items",
                                .object([("enum", strings(FailBuiltin.Step.allCases.map(\.rawValue)))])
                            ),
                        ])
                    ),
                    ("repeat", .object([("type", .string("boolean"))])),
                    (
                        "retryAfterMilliseconds",
                        .object([("type", .string("integer")), ("minimum", .int(0)), ("maximum", .int(86_400_000))])
                    ),
                ]
            }
        return .object([
            ("type", .string("object")), ("properties", .object(properties)), ("additionalProperties", .bool(false)),
            ("required", strings(builtin == .exec ? ["command"] : builtin == .http ? ["url"] : [])),
            // What lines mean is said line by line then.
            (
                "if",
                .object([
                    ("properties", .object([("mode", .object([("const", .string("lines"))]))])),
                    ("required", strings(["mode"])),
                ])
            ),
            ("then", .object([("properties", .object([("stdout", .bool(false)), ("exitCodes", .bool(false))]))])),
        ])
    }
}
