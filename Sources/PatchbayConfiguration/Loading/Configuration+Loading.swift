extension Configuration {
    /// Reads the file at `path`; errors name it as given.
    ///
    /// Blocks on the disk: once for the file and once for each secret.
    package static func read(
        path: String, inputs: ConfigurationInputs = ConfigurationInputs(),
        checkingExpressionsWith check: @escaping ExpressionCheck = Configuration.compileExpression
    ) -> ConfigurationDraft {
        do {
            let text = try TextFile.read(path, bytesMax: YAMLReader.textBytesMax)
            return read(text: text, file: path, inputs: inputs, checkingExpressionsWith: check)
        } catch {
            let problem = ConfigurationError(
                code: .unreadable, message: "the configuration cannot be read: \(error.reason)",
                location: SourceLocation(file: path, line: 1, column: 1), path: "", remedy: "name it with -c FILE")
            return ConfigurationDraft(configuration: Configuration(), errors: [problem])
        }
    }

    /// Reads YAML, or JSON; `file` is what errors call the text. Collects every error and never throws.
    package static func read(
        text: String, file: String, inputs: ConfigurationInputs = ConfigurationInputs(),
        checkingExpressionsWith check: @escaping ExpressionCheck = Configuration.compileExpression
    ) -> ConfigurationDraft {
        var yaml = YAMLReader(file: file, inputs: inputs)
        guard let root = yaml.read(text) else {
            var configuration = Configuration()
            configuration.secrets = yaml.secrets
            return ConfigurationDraft(configuration: configuration, errors: yaml.errors)
        }
        var reading = Reading(
            file: file, inputs: inputs, check: check, alignment: ScalarAlignment(source: text), errors: yaml.errors)
        var configuration = section.read(root, "", &reading) ?? Configuration()
        configuration.origins = yaml.origins
        configuration.secrets = yaml.secrets
        configuration.translateAliases()
        NameCheck.run(configuration, &reading)
        PolicyCheck.run(configuration, &reading)
        TestCheck.names(configuration.tests, &reading)
        reading.errors += TestCheck.errors(
            in: configuration.tests, of: configuration, origins: configuration.origins, file: file)
        return ConfigurationDraft(configuration: configuration, errors: reading.errors)
    }

    /// Reads and validates in one step, for callers that know all handlers before.
    package static func load(
        path: String, inputs: ConfigurationInputs = ConfigurationInputs(),
        handlers: (String) -> HandlerLookup
    ) throws(ConfigurationErrors) -> Configuration {
        try read(path: path, inputs: inputs).validated(handlers: handlers)
    }
}
