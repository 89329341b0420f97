import Foundation
import Testing

/// The line that says how far a long run is.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct CommandLineProgressTests {
    private let bench: CommandLineBench

    /// Eighty events that take four seconds.
    init() throws {
        bench = try CommandLineBench()
        try bench.write(
            """
            apiVersion: patchbay/v1
            log: {backend: file, path: ./data}
            policies: {rateLimits: {default: {count: 20, interval: 1s}}}
            routes: [{name: hello, to: [{handler: builtin.log}]}]
            sources: [{name: events, type: file, path: ./events.jsonl}]

            """, to: "patchbay.yaml")
        try bench.write((1...80).map { CommandLineSamples.event("\($0)") }.joined(), to: "events.jsonl")
    }

    private static let clear = "\r\u{1B}[K"

    /// What a terminal shows of each time that the line was written; log lines are not among it.
    private func lines(_ arguments: [String], columns: UInt16 = 200) throws -> [String] {
        let terminal = try Terminal(columns: columns)
        let result = try bench.start(arguments, terminal: terminal).end(within: 60)
        #expect(result.status == 0, "\(result)")
        let written = result.errors.components(separatedBy: Self.clear)
        return written.filter { $0.contains(" events, ") && !$0.contains("\n") }
    }

    /// The number before `word` in a line.
    private func number(_ word: String, in line: String) -> Int? {
        let parts = line.split(whereSeparator: { ", ".contains($0) })
        return parts.firstIndex { $0 == word }.flatMap { $0 > 0 ? Int(parts[$0 - 1]) : nil }
    }

    @Test func `a run counts, and says how much is done and how long it will take`() throws {
        let shown = try lines(["run", "--once", "--log-level", "warning"])
        #expect(shown.count >= 2, "\(shown)")
        for line in shown {
            #expect(number("events", in: line) == 80, "\(line)")
            let (settled, pending) = (number("settled", in: line) ?? -1, number("pending", in: line) ?? -1)
            #expect(settled + pending == 80, "\(line)")
            #expect(number("%", in: line) == settled * 100 / 80, "\(line)")
            #expect(line.contains("/s)") && line.contains("0 dead"), "\(line)")
        }
        #expect(shown.last?.contains(" left") == true, "\(shown)")
        let settled = shown.compactMap { number("settled", in: $0) }
        #expect(settled == settled.sorted() && settled.first != settled.last)
    }

    @Test func `the line is taken away at the end, and log lines take its place`() throws {
        let terminal = try Terminal()
        let result = try bench.start(["run", "--once"], terminal: terminal).end(within: 60)
        let parts = result.errors.components(separatedBy: Self.clear)
        #expect(parts.contains { $0.contains(" settled ") && !$0.contains("\n") }, "\(result.errors)")
        #expect(parts.allSatisfy { !$0.contains(" settled ") || !$0.contains("builtin") }, "\(result.errors)")
        let report = parts.last { $0.contains("80 received") }
        #expect(report?.hasPrefix("events ") == true, "\(parts.suffix(3))")
    }

    @Test func `a narrow terminal gets a line that fits`() throws {
        let shown = try lines(["run", "--once", "--log-level", "warning"], columns: 30)
        #expect(!shown.isEmpty && shown.allSatisfy { $0.count <= 29 }, "\(shown)")
    }

    @Test func `a replay without a running host says how far it is`() throws {
        _ = try bench.start(["run", "--once"]).end(within: 60)
        let shown = try lines(["replay", "--speed", "25/s"])
        #expect(shown.count >= 2, "\(shown)")
        let shares = shown.compactMap { number("%", in: $0) }
        #expect(shares.count == shown.count && shares == shares.sorted() && shares.first != shares.last, "\(shown)")
    }

    @Test func `nothing is said where nobody looks, or who looks does not want it`() throws {
        let plain = try bench.start(["run", "--once"]).end(within: 60)
        #expect(plain.status == 0 && !plain.errors.contains("\r") && !plain.errors.contains(" settled"), "\(plain)")
        let terminal = try Terminal()
        let quiet = try bench.start(["run", "--once", "-q", "--log-level", "error"], terminal: terminal).end(within: 60)
        #expect(quiet.status == 0 && quiet.errors.isEmpty, "\(quiet)")
    }
}
