import Foundation
import Testing

@testable import PatchbayModules

/// `patchbay check` as a user calls it: each deliberately bad module is caught, by a rule with a name.
@Suite(.enabled(if: HostBinary.path != nil)) struct CheckCommandTests {
    private struct Report: Decodable {
        struct Finding: Decodable, Equatable {
            var rule: String
            var severity: String
            var message: String
            var handler: String
            var seed: String?
        }

        var file: String
        var seed: String
        var findings: [Finding]
    }

    private func check(_ fixture: String, _ arguments: String..., flags: [String] = []) throws -> (Int32, Report) {
        let path = try Fixture.module(fixture, as: flags.isEmpty ? nil : "\(fixture)-flagged", flags: flags)
        let result = try HostBinary.start(["check", path, "--json"] + arguments, in: Fixture.emptyFolder())
        let line = try #require(result.output.split(separator: "\n").last { $0.hasPrefix("{\"file\"") }, "\(result)")
        return (result.status, try JSONDecoder().decode(Report.self, from: Data(line.utf8)))
    }

    /// What only its code shows; each is found in a process of its own, by a seed.
    @Test(arguments: [
        ("crash", "crash", "signal 11"), ("throws", "crash", "signal 6"), ("exits", "exits", "exit code 42"),
        ("hang", "hang", "did not return"), ("double_completion", "doubleCompletion", "twice"),
        ("invented_call", "unknownCall", "never existed"), ("never_completes", "neverCompletes", "PENDING"),
        ("late_completion", "completionAfterClose", "closed"),
    ])
    func `names what a handler does in its calls, with a seed that shows it again`(
        fixture: String, rule: String, words: String
    ) throws {
        let (status, report) = try check(fixture, "--seed", "7")
        let finding = try #require(report.findings.first { $0.rule == rule }, "\(report)")
        #expect(status == 1 && finding.severity == "error" && finding.message.contains(words), "\(report)")
        #expect(finding.handler == "count" && finding.seed == "7" && report.seed == "7")
    }

    @Test(arguments: [
        ("bad_schema", "badManifest"), ("corrupt_manifest", "badManifest"), ("empty", "noManifest"),
        ("no_note", "noManifest"), ("missing_symbol", "missingEntry"), ("two_majors", "wrongABI"),
        ("unknown_service", "missingService"), ("wrong_major", "wrongABI"), ("wrong_manifest", "badManifest"),
        ("create_fails", "createFailed"), ("entry_fails", "entryFailed"), ("lying_batch", "lyingManifest"),
        ("lying_count", "lyingManifest"), ("lying_manifest", "lyingManifest"), ("null_create", "missingFunction"),
        ("null_handle", "missingFunction"), ("null_module", "entryFailed"), ("short_handler", "shortStruct"),
        ("short_module", "shortStruct"), ("undefined_symbol", "openFailed"), ("leaves_threads", "leakedThreads"),
        ("leaves_files", "leakedDescriptors"),
    ])
    func `names what keeps a module from being loaded, made or ended`(fixture: String, rule: String) throws {
        let (status, report) = try check(fixture)
        #expect(status == 1 && report.findings.map(\.rule) == [rule], "\(report)")
    }

    @Test(arguments: [
        ("trusts_services", "crash", "only the services that the manifest requires"),
        ("exact_size", "createFailed", "on a host of a later version"),
        ("copies_event", "crash", "on a host of a later version"),
        ("bad_config", "crash", "create with {"), ("not_thread_safe", "crash", "on several threads at once"),
        ("bad_batch", "crash", "handle_batch, called with batches"),
        ("bad_cancel", "crash", "cancel, with calls that are cancelled"),
        ("bad_reconfigure", "crash", "reconfigure with {"),
        ("crashes_at_exit", "crash", "exit, at an end without a drain"),
    ])
    func `names what a handler bears in one life and not in another`(
        fixture: String, rule: String, words: String
    ) throws {
        let (status, report) = try check(fixture, "--seed", "7")
        let finding = try #require(report.findings.first, "\(report)")
        #expect(status == 1 && report.findings.count == 1 && finding.rule == rule, "\(report)")
        #expect(finding.message.contains(words), "\(report)")
    }

    @Test(arguments: [([], "did not return from create"), (["-DRETURNS"], "not its own by create")])
    func `names a module that closes what is not its own, and does not wait for it`(
        flags: [String], words: String
    ) throws {
        let (status, report) = try check("closes_files", flags: flags)
        let finding = try #require(report.findings.first, "\(report)")
        #expect(status == 1 && report.findings.count == 1 && finding.rule == "closedDescriptors", "\(report)")
        #expect(finding.message.contains(words), "\(report)")
    }

    @Test func `a signed report says which bytes were checked, and verify accepts it until it is changed`() throws {
        let path = try Fixture.module("good")
        let folder = try Fixture.emptyFolder()
        #expect(try HostBinary.start(["keygen", "release"], in: folder).status == 0)
        let made = try HostBinary.start(
            ["check", path, "--seed", "3", "--report", "good.json", "--sign", "release.key"], in: folder)
        #expect(made.status == 0, "\(made)")
        struct Kept: Decodable { var sha256: String }
        let report = URL(fileURLWithPath: "\(folder)/good.json")
        let kept = try JSONDecoder().decode(Kept.self, from: Data(contentsOf: report))
        #expect(kept.sha256 == ContentHash(of: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))?.hex)
        let verify = ["verify", "good.json", "--key", "release.pub"]
        #expect(try HostBinary.start(verify, in: folder).status == 0)
        try Data("{}".utf8).write(to: report)
        let changed = try HostBinary.start(verify, in: folder)
        #expect(changed.status == 1 && changed.output.contains("other bytes"), "\(changed)")
        #expect(try HostBinary.start(["check", path, "--sign", "release.key"], in: folder).status == 2)
    }

    @Test func `memory that each call keeps is a warning, with how much`() throws {
        let (status, report) = try check("leaks")
        #expect(status == 0 && report.findings.map(\.rule) == ["leakedMemory"], "\(report)")
        // What malloc takes for 100 bytes.
        #expect(report.findings.first?.message.contains("about 112 bytes") == true, "\(report)")
    }

    @Test func `a correct module has no findings, and one that shows too much has warnings alone`() throws {
        let (status, report) = try check("good")
        #expect(status == 0 && report.findings.isEmpty, "\(report)")
        let (other, warned) = try check("extra_exports")
        #expect(other == 0 && warned.findings.map(\.rule) == ["extraExports"], "\(warned)")
    }

    @Test(arguments: [
        ("executableStack", ["-z", "execstack"], 1), ("soname", ["-Wl,-soname,libgood.so.1"], 0),
    ])
    func `names what the linker was told wrong`(rule: String, flags: [String], status: Int32) throws {
        let path = try Fixture.module("good", as: "good-\(rule)", flags: flags)
        let result = try HostBinary.start(["check", path], in: Fixture.emptyFolder())
        #expect(result.status == status && result.output.contains(": \(rule): "), "\(result)")
    }

    @Test func `--rule shows the findings of one rule, and wrong usage is refused`() throws {
        let (status, report) = try check("late_completion", "--rule", "neverCompletes")
        #expect(status == 1 && report.findings.map(\.rule) == ["neverCompletes"])
        #expect(try check("crash", "--rule", "hang").0 == 0)
        let path = try Fixture.module("good")
        let folder = try Fixture.emptyFolder()
        #expect(try HostBinary.start(["check", path, "--config", "[]"], in: folder).status == 2)
        #expect(try HostBinary.start(["check"], in: folder).status == 2)
        let wrong = try HostBinary.start(["check", path, "--config", #"{"stp": 1}"#], in: folder)
        #expect(wrong.status == 1 && wrong.output.contains("badConfiguration"), "\(wrong)")
        let missing = try HostBinary.start(["check", "\(folder)/none.so"], in: folder)
        #expect(missing.status == 1 && missing.output.contains("unreadable"), "\(missing)")
    }
}
