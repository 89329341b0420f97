package import PatchbayEvents

extension ConfigurationValue {
    /// As the host's value model, which schemas and codecs work on; keys keep their order.
    package var value: Value {
        switch self {
        case .null: .null
        case .bool(let flag): .bool(flag)
        case .int(let number): .int(number)
        case .double(let number): .double(number)
        case .string(let text): .string(text)
        case .list(let list): .list(list.map(\.value))
        case .map(let entries):
            .map(Value.Map(entries.map { (key: .string($0.key), value: $0.value.value) }))
        }
    }
}
