/// JSON Schema fragments, as JSON values.
enum Schema {
    static func object(_ members: (String, ConfigurationValue?)...) -> ConfigurationValue {
        .map(members.compactMap { key, value in value.map { .init(key: key, value: $0) } })
    }

    static func type(_ name: String, _ members: (String, ConfigurationValue?)...) -> ConfigurationValue {
        .map(
            [.init(key: "type", value: .string(name))]
                + members.compactMap { key, value in value.map { .init(key: key, value: $0) } })
    }

    /// A value of one of these types.
    static func types(_ names: [String], _ members: (String, ConfigurationValue?)...) -> ConfigurationValue {
        .map(
            [.init(key: "type", value: names.count == 1 ? .string(names[0]) : .list(names.map { .string($0) }))]
                + members.compactMap { key, value in value.map { .init(key: key, value: $0) } })
    }

    /// What an editor shows of one key.
    static func described(
        _ text: String, example: ConfigurationValue, _ schema: ConfigurationValue
    ) -> ConfigurationValue {
        schema.prefixed([
            .init(key: "description", value: .string(text)), .init(key: "examples", value: .list([example])),
        ])
    }

    /// `pattern` for a text that may also be, or hold, `${…}`.
    static func pattern(_ pattern: String) -> ConfigurationValue { .string("\(pattern)|\\$\\{.+\\}") }

    /// A text of the file may stand for any scalar through `${…}`; numbers and flags therefore take one too.
    static func orInterpolation(_ schema: ConfigurationValue) -> ConfigurationValue {
        object(("anyOf", .list([schema, type("string", ("pattern", .string("\\$\\{.+\\}")))])))
    }
}

extension ConfigurationValue {
    /// With `members` in front of this map's own.
    func prefixed(_ members: [Entry]) -> ConfigurationValue {
        guard case .map(let own) = self else { return .map(members) }
        return .map(members + own)
    }
}
