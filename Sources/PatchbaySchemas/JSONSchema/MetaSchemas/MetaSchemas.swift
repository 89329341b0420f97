import PatchbayEvents

/// The meta-schemas that references may name without anyone handing them over.
enum MetaSchemas {
    /// - Parameter uri: without fragment.
    static func document(_ uri: String) -> Value? { documents[uri]?().value }

    private static let documents: [String: @Sendable () -> SchemaLiteral] = [
        "http://json-schema.org/draft-07/schema": { Draft7MetaSchema.schema },
        "https://json-schema.org/draft/2020-12/schema": { Draft2020MetaSchema.schema },
        "https://json-schema.org/draft/2020-12/meta/core": { Draft2020MetaSchema.core },
        "https://json-schema.org/draft/2020-12/meta/applicator": { Draft2020MetaSchema.applicator },
        "https://json-schema.org/draft/2020-12/meta/unevaluated": { Draft2020MetaSchema.unevaluated },
        "https://json-schema.org/draft/2020-12/meta/validation": { Draft2020MetaSchema.validation },
        "https://json-schema.org/draft/2020-12/meta/meta-data": { Draft2020MetaSchema.metaData },
        "https://json-schema.org/draft/2020-12/meta/format-annotation": { Draft2020MetaSchema.formatAnnotation },
        "https://json-schema.org/draft/2020-12/meta/format-assertion": { Draft2020MetaSchema.formatAssertion },
        "https://json-schema.org/draft/2020-12/meta/content": { Draft2020MetaSchema.content },
    ]
}
