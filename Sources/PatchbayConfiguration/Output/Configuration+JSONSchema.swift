extension Configuration {
    /// The JSON Schema (draft-07, which editors' language servers read) of the file, from the tables that read it;
    /// prints well and ends without a newline.
    package static func jsonSchema() -> String {
        let filter = Format<Filter>.definition()
        return section.schema().prefixed([
            .init(key: "$schema", value: .string("http://json-schema.org/draft-07/schema#")),
            .init(key: "title", value: .string("Patchbay configuration, patchbay/v1")),
            .init(key: "definitions", value: .map([.init(key: "filter", value: filter)])),
        ]).prettyJSON
    }
}
