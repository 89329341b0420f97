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
