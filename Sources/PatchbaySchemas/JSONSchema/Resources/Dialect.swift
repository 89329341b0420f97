/// Which keywords a schema resource is written in, by its `$schema`.
struct Dialect: Sendable, Hashable {
    enum Draft: Sendable { case draft7, draft2020 }

    /// The vocabularies of draft 2020-12 that decide; those of annotations alone make no difference.
    struct Vocabularies: OptionSet, Sendable, Hashable {
        let rawValue: Int

        static let applicator = Vocabularies(rawValue: 1)
        static let unevaluated = Vocabularies(rawValue: 2)
        static let validation = Vocabularies(rawValue: 4)
        static let formatAssertion = Vocabularies(rawValue: 8)
    }

    let draft: Draft
    var vocabularies: Vocabularies

    static let draft7 = Dialect(draft: .draft7, vocabularies: [.applicator, .validation])
    static let draft2020 = Dialect(draft: .draft2020, vocabularies: [.applicator, .unevaluated, .validation])

    /// By the URI of the meta-schema, without an empty fragment.
    static let known: [String: Dialect] = [
        "http://json-schema.org/draft-07/schema": .draft7,
        "https://json-schema.org/draft-07/schema": .draft7,
        "https://json-schema.org/draft/2020-12/schema": .draft2020,
    ]

    private static let vocabularyRoot = "https://json-schema.org/draft/2020-12/vocab/"
    private static let vocabularyNames: [String: Vocabularies] = [
        "core": [], "applicator": .applicator, "unevaluated": .unevaluated, "validation": .validation,
        "meta-data": [], "format-annotation": [], "format-assertion": .formatAssertion, "content": [],
    ]

    /// What a vocabulary turns on; `nil` for one that is not known.
    static func vocabulary(_ uri: String) -> Vocabularies? {
        guard uri.hasPrefix(vocabularyRoot) else { return nil }
        return vocabularyNames[String(uri.dropFirst(vocabularyRoot.count))]
    }

    /// Where a keyword's value holds subschemas; `nil` for other keywords.
    func subschemas(of keyword: String) -> SubschemaShape? {
        switch keyword {
        case "additionalProperties", "contains", "not", "if", "then", "else", "propertyNames": .schema
        case "allOf", "anyOf", "oneOf": .list
        case "properties", "patternProperties", "definitions": .map
        case "dependencies": .mapOfSchemasOrNames
        case "items": draft == .draft7 ? .schemaOrList : .schema
        case "additionalItems": draft == .draft7 ? .schema : nil
        case "unevaluatedItems", "unevaluatedProperties", "contentSchema": draft == .draft2020 ? .schema : nil
        case "prefixItems": draft == .draft2020 ? .list : nil
        case "$defs", "dependentSchemas": draft == .draft2020 ? .map : nil
        default: nil
        }
    }
}

enum SubschemaShape { case schema, list, schemaOrList, map, mapOfSchemasOrNames }
