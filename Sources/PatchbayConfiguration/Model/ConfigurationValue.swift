/// A value whose shape a module decides: the free part of the file.
package enum ConfigurationValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case list([ConfigurationValue])
    /// In the file's order; keys are unique.
    case map([Entry])

    package struct Entry: Sendable, Equatable {
        package var key: String
        package var value: ConfigurationValue

        package init(key: String, value: ConfigurationValue) {
            self.key = key
            self.value = value
        }
    }

    /// The value under `key`; `nil` when there is none or this is not a map.
    package subscript(key: String) -> ConfigurationValue? {
        guard case .map(let entries) = self else { return nil }
        return entries.first { $0.key == key }?.value
    }
}
