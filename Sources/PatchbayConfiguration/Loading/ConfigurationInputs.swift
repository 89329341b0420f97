/// What a configuration is read against.
package struct ConfigurationInputs: Sendable {
    package var environment: [String: String]
    /// The folder whose files are secrets, each named after its secret; `nil` when there is none.
    package var secretsDirectory: String?

    package init(environment: [String: String] = [:], secretsDirectory: String? = nil) {
        self.environment = environment
        self.secretsDirectory = secretsDirectory
    }
}
