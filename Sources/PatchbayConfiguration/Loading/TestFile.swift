/// A file of tests beside a configuration: `*.test.yaml`.
package struct TestFile: Sendable, Equatable {
    package var apiVersion = "patchbay/v1"
    /// The configuration that is tested, relative to the file's own folder.
    package var config = "patchbay.yaml"
    package var tests: [Configuration.Test] = []
    package private(set) var origins = Configuration.Origins()
    package private(set) var secrets = Secrets()

    static let section = Section<TestFile>(
        "a test file", { TestFile() },
        [
            Key("apiVersion", \.apiVersion, .apiVersion, "The version of this file's shape; patchbay/v1."),
            Key(
                "config", \.config, .text("a file") { $0.isEmpty ? "it is empty" : nil },
                "The configuration that is tested, relative to this file's folder."),
            Key(
                "tests", \.tests, Configuration.Test.section.format.list(nonEmpty: true), "The tests.",
                required: true),
        ])

    /// Reads the file at `path` and collects every error. Blocks on the disk.
    package static func read(
        path: String, inputs: ConfigurationInputs = ConfigurationInputs()
    ) -> (file: TestFile, errors: [ConfigurationError]) {
        do {
            let text = try TextFile.read(path, bytesMax: YAMLReader.textBytesMax)
            return read(text: text, file: path, inputs: inputs)
        } catch {
            return (
                TestFile(),
                [
                    ConfigurationError(
                        code: .unreadable, message: "the tests cannot be read: \(error.reason)",
                        location: SourceLocation(file: path, line: 1, column: 1), path: "")
                ]
            )
        }
    }

    /// Reads YAML, or JSON; `file` is what errors call the text.
    package static func read(
        text: String, file: String, inputs: ConfigurationInputs = ConfigurationInputs()
    ) -> (file: TestFile, errors: [ConfigurationError]) {
        var yaml = YAMLReader(file: file, inputs: inputs)
        let root = yaml.read(text)
        var reading = Reading(
            file: file, inputs: inputs, check: Configuration.compileExpression,
            alignment: ScalarAlignment(source: text), errors: yaml.errors)
        var tests = root.flatMap { section.read($0, "", &reading) } ?? TestFile()
        TestCheck.names(tests.tests, &reading)
        tests.origins = yaml.origins
        tests.secrets = yaml.secrets
        return (tests, reading.errors.map(tests.secrets.redacted).sortedByPlace())
    }

    /// What the tests name and the configuration does not have.
    package func errors(for configuration: Configuration, file: String) -> [ConfigurationError] {
        TestCheck.errors(in: tests, of: configuration, origins: origins, file: file).map(secrets.redacted)
    }

    /// The JSON Schema (2020-12) of a test file.
    package static func jsonSchema() -> String {
        section.schema().prefixed([
            .init(key: "$schema", value: .string("https://json-schema.org/draft/2020-12/schema")),
            .init(key: "title", value: .string("Patchbay tests, patchbay/v1")),
        ]).prettyJSON
    }
}
