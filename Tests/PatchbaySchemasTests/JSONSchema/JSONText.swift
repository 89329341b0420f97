import PatchbayEvents
import PatchbaySchemas

/// The value of a JSON text that a test spells out.
func json(_ text: String) throws -> Value {
    try JSONReader().value(Array(text.utf8))
}

/// The violations' descriptions.
func violations(_ schema: String, _ instance: String) throws -> [String] {
    try JSONSchema(compiling: json(schema)).validate(json(instance)).map(\.description)
}

/// The problems of a schema that does not compile.
func problems(_ schema: String, options: JSONSchema.Options = .init()) throws -> [SchemaError.Problem] {
    do {
        _ = try JSONSchema(compiling: json(schema), options: options)
        return []
    } catch let error as SchemaError {
        return error.problems
    }
}
