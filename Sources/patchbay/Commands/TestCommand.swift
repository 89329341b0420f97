import ArgumentParser
import Glibc
import PatchbayConfiguration
import PatchbayEvents
import PatchbayRuntime

/// `patchbay test`.
struct TestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract: "Test routes and policies under virtual time, with scripted faults.",
        discussion: """
            A test sends events, says what handlers do, attempt by attempt, and what is to come of it. The host's own \
            router and dispatcher run; no module is loaded, and hours of retries take milliseconds. Tests stand in \
            the configuration's 'tests', or in files *.test.yaml beside it. A folder stands for its patchbay.yaml and \
            all test files below it. The same seed gives the same output, byte by byte.

            EXIT CODES
              0  all passed
              1  a test failed, or a report could not be written
              2  wrong usage, errors in a file, or no test

            EXAMPLES
              patchbay test
              patchbay test orders.test.yaml --filter outage
              patchbay test examples --junit report.xml
              patchbay test --list
            """)

    @Argument(help: "Configurations, test files or folders; this folder by default.", completion: .configurations)
    var file: [String] = ["."]

    @Option(help: ArgumentHelp("Run only tests whose name contains this.", valueName: "name"))
    var filter: String?

    @Option(help: ArgumentHelp("Use this seed for every test instead of its own.", valueName: "number"))
    var seed: UInt32?

    @Option(
        help: ArgumentHelp("Write JUnit's XML to a file as well.", valueName: "file"),
        completion: .file(extensions: ["xml"]))
    var junit: String?

    @Option(
        help: ArgumentHelp("Folder whose files are secrets, for ${secret:name}.", valueName: "folder"),
        completion: .directory)
    var secrets: String?

    @Flag(help: "Print JSON instead of text.")
    var json = false

    @Flag(help: "Only list the tests.")
    var list = false

    func run() throws {
        let suites = try load()
        guard suites.contains(where: { !$0.selected(filter).isEmpty }) else {
            let what = filter.map { "no test's name contains '\($0)'" } ?? "there are no tests"
            throw Output.failure("\(what) in \(file.joined(separator: ", "))", code: 2)
        }
        if list { return show(suites) }
        var results: [TestFileResult] = []
        for suite in suites where !suite.selected(filter).isEmpty {
            do {
                results.append(try suite.run(filter: filter, seed: seed.map { Int($0) }))
            } catch {
                throw Output.failure("\(error)", code: 2)
            }
        }
        let report = TestReport(results)
        if json {
            Output.json(report.value)
        } else {
            let style = Style(for: STDOUT_FILENO)
            let paint = TestReport.Paint(bold: style.bold, green: style.green, red: style.red, dim: style.dim)
            for line in report.text(paint) { Output.line(line) }
        }
        if let junit, let problem = OutputFile.write(report.junit, to: junit) {
            throw Output.failure("\(junit): \(problem)", code: 1)
        }
        if report.failed > 0 { throw ExitCode(1) }
    }

    /// Every file's tests; all errors of all files are printed and end the process with 2.
    private func load() throws -> [TestSuite] {
        let inputs = ConfigurationInputs.ofProcess(secrets: secrets)
        var suites: [TestSuite] = []
        var errors: [ConfigurationError] = []
        for path in file {
            do throws(ConfigurationErrors) {
                for file in try TestSuite.files(at: path) where !suites.contains(where: { $0.file == file }) {
                    do throws(ConfigurationErrors) {
                        suites.append(try TestSuite(path: file, inputs: inputs))
                    } catch {
                        errors += error.errors.filter { !errors.contains($0) }
                    }
                }
            } catch {
                errors += error.errors
            }
        }
        guard errors.isEmpty else {
            throw ConfigurationOptions.report(errors, in: file.joined(separator: ", "), json: json)
        }
        return suites
    }

    private func show(_ suites: [TestSuite]) {
        let tests = suites.flatMap { suite in suite.selected(filter).map { suite.tests[$0] } }
        guard json else {
            for test in tests { Output.line("\(test.location.fileAndLine): \(test.name)".printable) }
            return
        }
        Output.json(
            .list(
                tests.map { test in
                    .object([
                        ("name", .string(test.name)), ("file", .string(test.location.file)),
                        ("line", .int(Int64(test.location.line))), ("seed", .int(Int64(test.seed))),
                    ])
                }))
    }
}

/// Whole small files of results.
private enum OutputFile {
    /// Why it could not be written; `nil` when it was.
    static func write(_ text: String, to path: String) -> String? {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { return String(cString: strerror(errno)) }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return String(cString: strerror(errno)) }
            written += count
        }
        return nil
    }
}
