extension Configuration {
    /// The JSON Schema (2020-12) of the file, from the tables that read it; prints well and ends without a newline.
    package static func jsonSchema() -> String {
        let filter = Format<Filter>.definition()
        return section.schema().prefixed([
            .init(key: "$schema", value: .string("https://json-schema.org/draft/2020-12/schema")),
            .init(key: "title", value: .string("Patchbay configuration, patchbay/v1")),
            .init(key: "$defs", value: .map([.init(key: "filter", value: filter)])),
        ]).prettyJSON
    }
}
