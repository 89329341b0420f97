package import PatchbayEvents

/// Something that `patchbay check` found about a module.
package struct CheckFinding: Sendable, Equatable {
    package enum Severity: String, Sendable { case error, warning }

    /// Open-ended, stable: what `--rule` takes. Faults that keep a module from being loaded have their `ModuleError` code.
    package var rule: String
    package var severity: Severity
    /// In words, without the file's name.
    package var message: String
    /// What to do about it; empty when the message says it.
    package var remedy: String
    /// The handler's id; empty for the module as a whole.
    package var handler: String
    /// Finds it again; `nil` where nothing was drawn.
    package var seed: UInt64?

    package init(
        _ rule: String, _ severity: Severity, _ message: String, remedy: String = "", handler: String = "",
        seed: UInt64? = nil
    ) {
        self.rule = rule
        self.severity = severity
        self.message = message
        self.remedy = remedy
        self.handler = handler
        self.seed = seed
    }

    /// As `--json` prints it, and as a child process hands it over.
    package var value: Value {
        .object(
            [
                ("rule", .string(rule)), ("severity", .string(severity.rawValue)), ("message", .string(message)),
                ("remedy", .string(remedy)), ("handler", .string(handler)),
            ] + (seed.map { [("seed", .string(String($0)))] } ?? []))
    }

    /// `nil` for what is none.
    package init?(_ value: Value) {
        guard case .map(let map) = value, case .string(let rule)? = map[.string("rule")],
            case .string(let severity)? = map[.string("severity")], let severity = Severity(rawValue: severity),
            case .string(let message)? = map[.string("message")]
        else { return nil }
        func text(_ name: String) -> String? { if case .string(let text)? = map[.string(name)] { text } else { nil } }
        self.init(
            rule, severity, message, remedy: text("remedy") ?? "", handler: text("handler") ?? "",
            seed: text("seed").flatMap { UInt64($0) })
    }
}
