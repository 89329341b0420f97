package import PatchbayEvents
package import PatchbaySchemas

extension ModuleFile {
    /// Everything in a handler's configuration that its manifest's schema forbids; runs no code of the module.
    ///
    /// - Errors: `unknownHandler`, `badSchema`.
    package func violations(
        in configuration: Value, for handler: String, redacting redacted: Set<String> = []
    ) throws(ModuleError) -> [Violation] {
        let schema = try schema(of: handler)
        return schema.validate(schema.fillingDefaults(in: configuration), redacting: redacted)
    }

    /// - Errors: `hashMismatch` unless the file is the one that `pin`, a SHA-256 in hexadecimal, names.
    package func check(pin: String) throws(ModuleError) {
        guard !contentHash.matches(pin: pin) else { return }
        throw ModuleError(
            .hashMismatch, file: path, "has the SHA-256 \(contentHash.hex), not the configured \(pin)",
            remedy: "restore the pinned file, or change `sha256` after reviewing the new one")
    }

    /// The configuration with defaults filled in, as the JSON text that `create` gets.
    func approvedConfiguration(_ configuration: Value, for handler: String) throws(ModuleError) -> String {
        let schema = try schema(of: handler)
        let filled = schema.fillingDefaults(in: configuration)
        var violations = schema.validate(filled)
        if case .map = filled {
        } else {
            violations.append(
                Violation(instanceLocation: "", schemaLocation: "", keyword: "type", message: "must be an object"))
        }
        guard violations.isEmpty else {
            throw ModuleError(
                .badConfiguration, file: path,
                "the configuration of '\(handler)' is invalid: "
                    + violations.map(\.description).joined(separator: "; "),
                remedy: "correct these keys in the configuration file")
        }
        return JSONText.text(of: filled)
    }

    func unknownHandler(_ id: String) -> ModuleError {
        let known = manifest.handlers.map(\.id).joined(separator: ", ")
        return ModuleError(
            .unknownHandler, file: path, "has no handler '\(id)'",
            remedy: "use one of: \(known.isEmpty ? "none" : known)")
    }

    /// What the configuration of a handler has to be; without one in its manifest, an object without keys.
    ///
    /// - Errors: `unknownHandler`, `badSchema`.
    package func schema(of handler: String) throws(ModuleError) -> JSONSchema {
        guard let declared = manifest.handler(handler) else { throw unknownHandler(handler) }
        let schema = declared.configSchema ?? Self.withoutKeys
        do {
            return try JSONSchema(compiling: schema)
        } catch {
            throw ModuleError(
                .badSchema, file: path, "the configuration schema of '\(handler)' is invalid: \(error)",
                remedy: "correct `config` in the manifest and build the module again")
        }
    }

    /// What a handler without a schema accepts.
    private static var withoutKeys: Value {
        .map(Value.Map([(.string("type"), .string("object")), (.string("maxProperties"), .int(0))]))
    }
}
