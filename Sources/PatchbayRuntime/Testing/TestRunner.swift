package import PatchbayConfiguration
import PatchbayEvents

/// Runs tests of one configuration.
package struct TestRunner: Sendable {
    private let configuration: Configuration
    private let origins: Configuration.Origins
    private let secrets: Secrets
    private let file: String

    /// - Parameters:
    ///   - origins: of the file that the tests stand in, by their paths.
    ///   - file: its name.
    package init(_ configuration: Configuration, origins: Configuration.Origins, secrets: Secrets, file: String) {
        self.configuration = configuration
        self.origins = origins
        self.secrets = secrets
        self.file = file
    }

    /// Runs the test at `index` of its file under virtual time: no module is loaded, nothing is read or written.
    package func run(_ test: Configuration.Test, index: Int) throws(BlueprintError) -> TestResult {
        var scripted = test
        scripted.inject.items += builtinInjections(besides: test)
        let blueprint = try Blueprint(configuration, seed: UInt64(test.seed))
        let journal = try Simulation(blueprint, scripted).run()
        var failures: [TestFailure] = []
        var blamed: [Int] = []
        if let reason = journal.brokenOff {
            failures.append(
                TestFailure(location: test.location, what: "the test", expected: ["an end"], actual: [reason]))
        }
        let explainer = Explainer(blueprint)
        for (number, expectation) in test.expect.items.enumerated() {
            var check = ExpectationCheck(
                expectation: expectation, path: test.expect.path(number, of: "tests[\(index)].expect"), test: test,
                blueprint: blueprint, journal: journal, explainer: explainer,
                locate: { origins.nearest(to: $0)?.location ?? test.location })
            check.run()
            failures += check.failures
            for event in check.blamed where !blamed.contains(event) { blamed.append(event) }
        }
        let journey = failures.isEmpty ? [] : Journey(blueprint, journal, explainer).lines(of: blamed)
        return TestResult(
            name: redacted(test.name), location: test.location, seed: test.seed,
            duration: VirtualTime.duration(journal.endedAt), events: journal.events.count, calls: journal.callCount,
            failures: failures.map(redacted), journey: journey.map(redacted))
    }

    private func redacted(_ failure: TestFailure) -> TestFailure {
        var failure = failure
        failure.what = redacted(failure.what)
        failure.expected = failure.expected.map(redacted)
        failure.actual = failure.actual.map(redacted)
        return failure
    }

    /// Without secrets, and without what would move a terminal's cursor.
    private func redacted(_ text: String) -> String {
        let clean = configuration.secrets.redacted(secrets.redacted(text))
        guard clean.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return clean }
        return String(
            String.UnicodeScalarView(
                clean.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : $0 }))
    }

    /// The host's own scripted handlers do what the configuration says, unless the test says otherwise.
    private func builtinInjections(besides test: Configuration.Test) -> [Configuration.Test.Injection] {
        var injections: [Configuration.Test.Injection] = []
        let taken = Set(test.inject.items.filter { $0.event == nil && $0.between == nil }.map(\.handler))
        var scripts: [(name: String, config: ConfigurationValue)] = [("builtin.fail", .map([]))]
        scripts += configuration.modules.load.filter { $0.builtin == .fail }.map { ("\($0.name).fail", $0.config) }
        for (name, config) in scripts where !taken.contains(name) {
            var injection = Configuration.Test.Injection()
            injection.handler = name
            var wait = Duration.zero
            if case .int(let milliseconds)? = config["retryAfterMilliseconds"] {
                wait = .milliseconds(max(0, milliseconds))
            }
            func step(_ outcome: Configuration.Test.Step.Outcome) -> Configuration.Test.Step {
                var step = Configuration.Test.Step(outcome)
                step.reason = "\(outcome.rawValue): scripted by builtin.fail"
                step.retryAfter = wait
                return step
            }
            if case .list(let steps)? = config["script"], !steps.isEmpty {
                injection.fail = steps.compactMap { value in
                    guard case .string(let word) = value else { return nil }
                    // There, a timeout is a call that never completes.
                    return Configuration.Test.Step.Outcome(rawValue: word).map { step($0 == .timeout ? .hang : $0) }
                }
                injection.repeats = config["repeat"] == .bool(true)
            } else {
                injection.then = step(.transient)
            }
            injections.append(injection)
        }
        return injections
    }
}
