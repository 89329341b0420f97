import Foundation
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayModules
import Testing

@testable import PatchbayRuntime

/// Plain C functions in processes of their own, as they run unless the file says otherwise.
@Suite struct FunctionIsolationTests {
    private func yaml(_ function: String, attempt: String = "30s") throws -> String {
        """
        modules:
          functions:
            - {name: f, library: \(try PlainLibrary.path()), \(function)}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        policies:
          retries: {default: {duration: 1ms, maxRetries: 1}}
          timeouts: {default: {attempt: \(attempt)}}
        unmatched: drop
        routes:
          - {name: all, type: com.acme.test, to: [{handler: functions.f}]}

        """
    }

    @Test func `a function that crashes costs its event's attempts, and the next event is done`() throws {
        let bench = try RunBench()
        // sum(NULL, 1) reads address 0.
        try bench.write(
            "events.jsonl", (0..<6).map { Events.line($0, data: "{\"n\":\($0 == 2 ? 1 : 0)}") + "\n" }.joined())
        let report = try bench.run(
            yaml("symbol: sum, signature: 'u64(bytes, u64)', args: ['null', 'int(event.data.n)']"))
        let counts = report.counts("functions.f")
        #expect(report.drift == nil && counts.done == 5 && counts.dead == 1)
        let letter = try #require(try bench.deadLetters().first)
        #expect(letter["dlqattempts"] == "2")
        let reason = letter["dlqreason"] ?? ""
        #expect(reason.hasPrefix("crashed: SIGSEGV at 0x0 in libplain.so sum+0x"), "\(reason)")
        #expect(!reason.contains("libffi"), "what calls it says nothing of it: \(reason)")
    }

    @Test func `a function that hangs is ended with its process at the timeout, and the next event is done`() throws {
        let bench = try RunBench()
        try bench.write(
            "events.jsonl", (0..<3).map { Events.line($0, data: "{\"n\":\($0 == 0 ? 1 : 0)}") + "\n" }.joined())
        let report = try bench.run(
            yaml("symbol: hang, signature: 'void(u64)', args: ['int(event.data.n)']", attempt: "50ms"))
        let counts = report.counts("functions.f")
        #expect(report.drift == nil && counts.done == 2 && counts.dead == 1)
        // Whether the host closes the call or its worker is ended first.
        #expect(report.status.counts.timeouts == 2)
        let reason = try bench.deadLetters().first?["dlqreason"] ?? ""
        #expect(reason.hasPrefix("timeout"), "\(reason)")
    }

    @Test func `what a function does to its memory and its files is not the host's`() throws {
        let bench = try RunBench()
        try bench.write("events.jsonl", Events.line(1) + "\n")
        let report = try bench.run(
            yaml("symbol: getpid, signature: i32(), fail: 'result == \(getpid())'")
                .replacing(try PlainLibrary.path(), with: "libc.so.6"))
        #expect(report.counts("functions.f").done == 1)
    }

    @Test func `a library that crashes as it is loaded is refused, and takes nobody with it`() throws {
        let text = try yaml("symbol: f, signature: 'void()'")
            .replacing(try PlainLibrary.path(), with: try PlainLibrary.crashing())
        let errors = #expect(throws: ConfigurationErrors.self) { _ = try RunBench().preparation(text) }
        let error = try #require(errors?.errors.first)
        #expect(error.path.hasSuffix(".library") && error.message.contains("crashed: SIGSEGV"), "\(error)")
    }

    @Test(arguments: [
        ("isolation: inline, limits: {memory: 1GiB}", "limits"), ("isolation: inline, grant: {read: [/etc]}", "grant"),
        ("grant: {network: [a.com]}", "network"), ("blocking: false", "blocking"),
    ])
    func `what has no meaning where a function runs is refused`(keys: String, key: String) throws {
        let text = try yaml("symbol: same_i32, signature: i32(i32), args: ['1'], \(keys)")
        let errors = #expect(throws: ConfigurationErrors.self) { _ = try RunBench().preparation(text) }
        let error = try #require(errors?.errors.first)
        #expect(error.code == .impossible && error.path.hasSuffix(key) && error.location.line == 4, "\(error)")
    }
}
