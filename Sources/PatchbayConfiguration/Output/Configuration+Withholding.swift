extension Configuration {
    /// The value at `path` as it may be kept in a file: whatever came through `${…}`, a secret or not, is withheld. With
    /// it what takes the same texts, and all secrets, out of what is made of the value.
    package func withholding(
        _ value: ConfigurationValue, at path: String
    ) -> (shown: ConfigurationValue, redact: @Sendable (String) -> String) {
        var withheld = secrets
        let shown = withhold(value, path, &withheld)
        return (shown, { [withheld] in withheld.redacted($0) })
    }

    private func withhold(
        _ value: ConfigurationValue, _ path: String, _ withheld: inout Secrets
    ) -> ConfigurationValue {
        switch value {
        case .list(let list):
            return .list(list.enumerated().map { withhold($1, "\(path)[\($0)]", &withheld) })
        case .map(let entries):
            return .map(
                entries.map {
                    .init(key: $0.key, value: withhold($0.value, path.appendingKey($0.key), &withheld))
                })
        default:
            guard let origin = origins[path], origin.isSecret || origin.isInterpolated else { return value }
            if case .string(let text) = value { withheld.remember(text) }
            return .string(Secrets.mark)
        }
    }
}
