import FoundationEssentials
import Glibc
package import PatchbayConfiguration
import PatchbayModules

/// The tests of one file with the configuration that they are of.
package struct TestSuite: Sendable {
    /// A configuration with `tests`, or a `*.test.yaml`.
    package let file: String
    package let tests: [Configuration.Test]
    private let runner: TestRunner

    /// Reads a file and what it tests. Handlers need no modules: what they do is scripted.
    ///
    /// - Throws: everything that is wrong with both, with places.
    package init(path: String, inputs: ConfigurationInputs) throws(ConfigurationErrors) {
        file = path
        guard Self.isTestFile(path) else {
            let configuration = try Self.configuration(path, inputs)
            tests = configuration.tests
            runner = TestRunner(
                configuration, origins: configuration.origins, secrets: configuration.secrets, file: path)
            return
        }
        let (found, problems) = TestFile.read(path: path, inputs: inputs)
        guard problems.first?.code != .unreadable else { throw ConfigurationErrors(problems) }
        let configuration: Configuration
        do {
            configuration = try Self.configuration(Self.path(found.config, besides: path), inputs)
        } catch {
            var errors = problems + error.errors
            if let place = found.origins["config"]?.location, error.errors.first?.code == .unreadable {
                errors =
                    problems + [
                        ConfigurationError(
                            code: .unreadable, message: error.errors[0].message, location: place, path: "config",
                            remedy: "name the configuration, relative to this file's folder")
                    ]
            }
            throw ConfigurationErrors(errors)
        }
        let all = problems + found.errors(for: configuration, file: path)
        guard all.isEmpty else { throw ConfigurationErrors(all) }
        tests = found.tests
        runner = TestRunner(configuration, origins: found.origins, secrets: found.secrets, file: path)
    }

    /// Runs the tests whose name contains `filter`, each by itself.
    ///
    /// - Parameter seed: in place of every test's own.
    package func run(filter: String?, seed: Int?) throws(BlueprintError) -> TestFileResult {
        var results: [TestResult] = []
        for index in selected(filter) {
            var test = tests[index]
            if let seed { test.seed = seed }
            results.append(try runner.run(test, index: index))
        }
        return TestFileResult(file: file, results: results)
    }

    /// The places of the tests whose name contains `filter`.
    package func selected(_ filter: String?) -> [Int] {
        tests.indices.filter { index in filter.map { tests[index].name.contains($0) } ?? true }
    }

    // MARK: Files

    /// By its name.
    package static func isTestFile(_ path: String) -> Bool {
        [".test.yaml", ".test.yml"].contains { path.hasSuffix($0) }
    }

    /// The files that `path` stands for: itself, or of a folder its `patchbay.yaml` and every test file below it,
    /// sorted; hidden folders are left out.
    package static func files(at path: String) throws(ConfigurationErrors) -> [String] {
        guard let kind = kind(path) else {
            throw ConfigurationErrors([
                ConfigurationError(
                    code: .unreadable, message: "it cannot be read: \(String(cString: strerror(errno)))",
                    location: SourceLocation(file: path, line: 1, column: 1), path: "",
                    remedy: "name a configuration, a *.test.yaml or a folder")
            ])
        }
        guard kind == S_IFDIR else { return [path] }
        var found: [String] = []
        collect(path == "." ? "" : path, depth: 0, into: &found)
        let own = joined(path == "." ? "" : path, "patchbay.yaml")
        if access(own, F_OK) == 0 { found.insert(own, at: 0) }
        return found
    }

    private static func collect(_ folder: String, depth: Int, into found: inout [String]) {
        guard depth < 32, let stream = opendir(folder.isEmpty ? "." : folder) else { return }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        for name in names.sorted() {
            let path = joined(folder, name)
            switch kind(path) {
            case S_IFDIR: collect(path, depth: depth + 1, into: &found)
            case S_IFREG: if isTestFile(name) { found.append(path) }
            default: break
            }
        }
    }

    /// Of what stands at `path`, links of folders aside; `nil` when nothing does.
    private static func kind(_ path: String) -> mode_t? {
        var info = stat()
        guard lstat(path, &info) == 0 else { return nil }
        if info.st_mode & S_IFMT == S_IFLNK {
            guard stat(path, &info) == 0 else { return nil }
        }
        return info.st_mode & S_IFMT
    }

    private static func joined(_ folder: String, _ name: String) -> String {
        folder.isEmpty ? name : folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
    }

    /// `config` as the test file means it: relative to its own folder.
    private static func path(_ config: String, besides file: String) -> String {
        guard !config.hasPrefix("/"), let slash = file.lastIndex(of: "/") else { return config }
        let plain = config.hasPrefix("./") ? String(config.dropFirst(2)) : config
        return String(file[...slash]) + plain
    }

    private static func configuration(
        _ path: String, _ inputs: ConfigurationInputs
    ) throws(ConfigurationErrors) -> Configuration {
        var draft = Configuration.read(path: path, inputs: inputs)
        let libraries = FunctionLibraries(trust: ModuleCatalogue.trust(&draft))
        Builtins.check(&draft, libraries)
        return try draft.validated { _ in .found }
    }
}
