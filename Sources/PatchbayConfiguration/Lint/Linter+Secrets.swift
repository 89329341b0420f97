extension Linter {
    /// Passwords, tokens and keys that stand in the file as they are. Their text is never shown.
    mutating func lintSecrets() {
        for (index, load) in configuration.modules.load.enumerated() {
            lintSecrets(in: load.config, key: nil, path: "modules.load[\(index)].config")
        }
    }

    private mutating func lintSecrets(in value: ConfigurationValue, key: String?, path: String) {
        switch value {
        case .map(let entries):
            for entry in entries {
                lintSecrets(in: entry.value, key: entry.key, path: path.appendingKey(entry.key))
            }
        case .list(let list):
            for (index, element) in list.enumerated() { lintSecrets(in: element, key: key, path: "\(path)[\(index)]") }
        case .string(let text):
            guard let origin = configuration.origins[path], !origin.isSecret, !origin.isInterpolated, !text.isEmpty
            else {
                return
            }
            if let key, Self.namesSecret(key) {
                plain(path, "the key '\(key)' names a secret, and its value is written here")
            } else if Self.holdsPassword(text) {
                plain(path, "the address holds a user's password")
            }
        default: break
        }
    }

    private mutating func plain(_ path: String, _ reason: String) {
        warn(
            .plainSecret, "a secret stands in the file as plain text", reason: reason,
            remedy: "write ${secret:NAME}, with the value in the file NAME of the secrets folder, or ${NAME}",
            at: [path])
    }

    private static let words = [
        "password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "secretkey", "privatekey",
        "credentials",
    ]

    /// Whether a key is for a secret: `dbPassword`, `api_key`; not `tokens_max` or `passwordFile`.
    private static func namesSecret(_ key: String) -> Bool {
        let folded = key.lowercased().filter { $0.isLetter || $0.isNumber }
        return words.contains { folded.hasSuffix($0) }
    }

    /// Whether it is an address as `scheme://user:password@host`.
    private static func holdsPassword(_ text: String) -> Bool {
        guard let scheme = text.firstRange(of: "://") else { return false }
        let authority = text[scheme.upperBound...].prefix { !"/?# ".contains($0) }
        guard let at = authority.lastIndex(of: "@") else { return false }
        let user = authority[..<at]
        guard let colon = user.firstIndex(of: ":") else { return false }
        return !user[colon...].dropFirst().isEmpty
    }
}
