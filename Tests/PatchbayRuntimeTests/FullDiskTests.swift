import Foundation
import Testing

/// Regression: what could not be written to standard output was lost with exit code 0.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct FullDiskTests {
    private func bench() throws -> CommandLineBench {
        let bench = try CommandLineBench()
        try bench.write(CommandLineSamples.once(script: "ok"), to: "patchbay.yaml")
        let events = (1...50).map { CommandLineSamples.event("\($0)", type: "com.example.hello", data: "{}") }
        try bench.write(events.joined(), to: "events.jsonl")
        return bench
    }

    @Test func `a trace on the console that cannot be written is said once, counted, and ends the run with 1`() throws {
        let result = try bench().runOnFullDisk(["run", "--once", "--trace", "console"])
        #expect(result.status == 1, "\(result)")
        let error = "console: cannot write: No space left on device"
        let lines = result.errors.split(separator: "\n").filter { $0.contains(error) }
        #expect(lines.count == 2 && lines.last?.hasPrefix("problem     spans were lost: ") == true, "\(result)")
        #expect(result.errors.contains("spans       150 recorded, 0 exported, 150 lost"), "\(result)")
        #expect(result.errors.contains("50 done"), "\(result)")
    }

    @Test func `a trace file that cannot be written ends the run with 1`() throws {
        let result = try bench().run("run", "--once", "--trace", "file", "--trace-file", "/dev/full")
        #expect(result.status == 1, "\(result)")
        #expect(result.errors.contains("problem     spans were lost: /dev/full: cannot write"), "\(result)")
        #expect(result.errors.contains("150 recorded, 0 exported, 150 lost"), "\(result)")
    }

    @Test(arguments: [
        ["run", "--once", "--json"], ["explain", "events.jsonl"], ["explain", "events.jsonl", "--json"], ["validate"],
        ["modules", "--json"], ["version"], ["config", "effective"], ["config", "schema"],
        ["--help"], ["run", "--help"], ["--version"],
    ])
    func `a command whose result cannot be written fails with 1 and says why`(arguments: [String]) throws {
        let bench = try bench()
        try FileManager.default.createDirectory(atPath: "\(bench.folder)/plugins", withIntermediateDirectories: true)
        let result = try bench.runOnFullDisk(arguments)
        #expect(result.status == 1, "\(result)")
        #expect(
            result.errors.contains("error: standard output cannot be written: No space left on device"), "\(result)")
    }
}
