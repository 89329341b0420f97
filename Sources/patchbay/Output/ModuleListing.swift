import PatchbayConfiguration
import PatchbayEvents
import PatchbayModules

/// What `patchbay modules` found.
struct ModuleListing {
    var scan: ModuleScan
    /// The directory, or the configuration file.
    var place: String
    /// Names other than the module's own under which a configuration uses a file, by path.
    var instances: [String: [String]] = [:]
    /// What the configuration asks for and does not get, beside what is rejected.
    var errors: [ConfigurationError] = []

    /// For people.
    func text(_ style: Style) -> String {
        var blocks = scan.accepted.map { accepted($0, style) }
        blocks += scan.rejections.map { error in
            let cause = error.cause.map { " (\($0))" } ?? ""
            return """
                \(style.red("rejected")) \(style.bold(error.file)): \(error.code.rawValue)
                  reason: \(error.message)\(cause)
                  remedy: \(error.remedy)
                """
        }
        blocks += scan.warnings.map { warning($0, style) }
        let rejected = scan.rejections.isEmpty ? "" : ", \(scan.rejections.count) rejected"
        let summary = "\(String.count(scan.accepted.count, "module"))\(rejected) in \(place)"
        let hint = "builtin.log and builtin.fail need no module"
        return (blocks + [scan.findings.isEmpty ? "\(summary); \(hint)" : summary]).joined(separator: "\n")
    }

    /// For scripts.
    var value: Value {
        .object([
            ("modules", .list(scan.accepted.map(value))),
            (
                "rejected",
                .list(
                    scan.rejections.map { error in
                        .object([
                            ("file", .string(error.file)), ("code", .string(error.code.rawValue)),
                            ("reason", .string(error.message)), ("cause", error.cause.map(Value.string) ?? .null),
                            ("remedy", .string(error.remedy)),
                        ])
                    })
            ),
            ("warnings", .list(scan.warnings.map(value))),
            ("errors", .list(errors.map { .string($0.description) })),
        ])
    }

    // MARK: Private

    private func accepted(_ file: ModuleFile, _ style: Style) -> String {
        let manifest = file.manifest
        let language = [manifest.runtime.rawValue, manifest.runtimeVersion].filter { !$0.isEmpty }
        var lines = [
            "\(style.bold(manifest.name)) \(manifest.version)  \(style.dim(file.path))",
            "  \(language.joined(separator: " ")), ABI \(manifest.abiMajor).\(manifest.abiMinor), "
                + "\(ByteText.approximate(file.bytes)), sha256 \(file.contentHash.hex.prefix(12))…",
        ]
        if !manifest.description.isEmpty { lines.insert("  \(manifest.description)", at: 1) }
        if let names = instances[file.path] { lines.append("  used as \(names.sorted().joined(separator: ", "))") }
        if !manifest.requires.isEmpty { lines.append("  requires \(manifest.requires.joined(separator: ", "))") }
        if !manifest.network.isEmpty { lines.append("  talks to \(manifest.network.joined(separator: ", "))") }
        if !manifest.files.isEmpty { lines.append("  touches \(manifest.files.joined(separator: ", "))") }
        for handler in manifest.handlers {
            let about = handler.description.isEmpty ? "" : "  \(handler.description)"
            lines.append("  \(style.green("\(manifest.name).\(handler.id)"))\(about)")
            var facts: [String] = []
            if !handler.accepts.isEmpty { facts.append("accepts \(handler.accepts.joined(separator: ", "))") }
            if !handler.emits.isEmpty { facts.append("emits \(handler.emits.joined(separator: ", "))") }
            facts.append(handler.blocking ? "may block" : "does not block")
            if handler.concurrency > 0 { facts.append("at most \(handler.concurrency) at once") }
            if let batch = handler.batchMax { facts.append("batches of at most \(batch)") }
            if handler.configSchema != nil { facts.append("takes config") }
            lines.append("    \(facts.joined(separator: "; "))")
        }
        lines += file.warnings.map { "  \(warning($0, style))" }
        return lines.joined(separator: "\n")
    }

    private func warning(_ warning: ModuleWarning, _ style: Style) -> String {
        "\(style.yellow("warning:")) \(warning)"
    }

    private func value(_ file: ModuleFile) -> Value {
        let manifest = file.manifest
        let names = instances[file.path]?.sorted() ?? [manifest.name]
        return .object([
            ("name", .string(manifest.name)), ("version", .string(manifest.version)), ("file", .string(file.path)),
            ("description", .string(manifest.description)), ("instances", strings(names)),
            ("runtime", .string(manifest.runtime.rawValue)), ("runtimeVersion", .string(manifest.runtimeVersion)),
            ("abi", .string("\(manifest.abiMajor).\(manifest.abiMinor)")), ("bytes", .int(Int64(file.bytes))),
            ("sha256", .string(file.contentHash.hex)), ("requires", strings(manifest.requires)),
            ("network", strings(manifest.network)), ("files", strings(manifest.files)),
            ("handlers", .list(manifest.handlers.map { value($0, of: manifest) })),
            ("warnings", .list(file.warnings.map(value))),
        ])
    }

    private func value(_ handler: Manifest.Handler, of manifest: Manifest) -> Value {
        .object([
            ("name", .string("\(manifest.name).\(handler.id)")), ("description", .string(handler.description)),
            ("accepts", strings(handler.accepts)), ("emits", strings(handler.emits)),
            ("blocking", .bool(handler.blocking)), ("concurrency", .int(Int64(handler.concurrency))),
            ("batchMax", handler.batchMax.map { .int(Int64($0)) } ?? .null),
            ("config", handler.configSchema ?? .null),
        ])
    }

    private func value(_ warning: ModuleWarning) -> Value {
        .object([
            ("code", .string(warning.code.rawValue)), ("file", .string(warning.file)),
            ("message", .string(warning.message)), ("remedy", .string(warning.remedy)),
        ])
    }

    private func strings(_ texts: [String]) -> Value { .list(texts.map { .string($0) }) }
}

extension ByteText {
    /// `812 bytes`, `35 KiB`, `2 MiB`: rounded to the nearest.
    fileprivate static func approximate(_ bytes: Int) -> String {
        switch bytes {
        case ..<10_240: "\(bytes) bytes"
        case ..<10_485_760: "\((bytes + 512) >> 10) KiB"
        default: "\((bytes + 524_288) >> 20) MiB"
        }
    }
}
