import Foundation
import PatchbayDispatch
import PatchbayLog
import Testing

@testable import PatchbayRuntime

/// Dead letters on disks that work, are full, or do not answer.
@Suite struct `dead letters` {
    private static let yaml = """
        policies: {retries: {default: {policy: constant, duration: 1ms, jitter: none, maxRetries: 1}}}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        routes:
          - {name: sick, type: com.acme.sick, to: [{handler: builtin.fail}]}
          - {name: well, type: com.acme.well, to: [{handler: builtin.log}]}

        """

    private func bench() throws -> RunBench {
        let bench = try RunBench()
        try bench.write(
            "events.jsonl",
            Events.lines(3, type: "com.acme.sick", data: #"{"total": 1.50}"#)
                + Events.line(4, type: "com.acme.nobody") + "\n" + Events.lines(20, type: "com.acme.well"))
        return bench
    }

    @Test func `keep the original and say how it died`() throws {
        let bench = try bench()
        let report = try bench.run(Self.yaml)
        #expect(report.exitCode == 3 && report.dead == 4 && report.deadLettersWritten == 4)
        let letters = try bench.objects("dead-letters.jsonl")
        let sick = letters.filter { $0["type"] as? String == "com.acme.sick" }
        #expect(sick.count == 3)
        for letter in sick {
            #expect(letter["dlqhandler"] as? String == "builtin.fail" && letter["dlqroute"] as? String == "sick")
            #expect(letter["dlqattempts"] as? String == "2" && letter["dlqclass"] as? String == "exhausted")
            for name in ["dlqreason", "dlqfirst", "dlqlast", "dlqtrace", "dlqprint", "dlqredrives", "knativeerrorcode"]
            {
                #expect(letter[name] is String, "\(name) in \(letter)")
            }
        }
        #expect(try bench.lines("dead-letters.jsonl").filter { $0.contains(#""data":{"total": 1.50}"#) }.count == 3)
        #expect(letters.first { $0["id"] as? String == "4" }?["dlqclass"] as? String == "unmatched")
        let histories = try bench.objects("dead-letters.attempts.jsonl")
        #expect(histories.count == 3 && histories.allSatisfy { ($0["attempts"] as? [Any])?.count == 2 })
    }

    @Test func `on a full disk the error is named, deliveries stay pending, and nothing is lost`() throws {
        let bench = try bench()
        try FileManager.default.createSymbolicLink(
            atPath: bench.path("dead-letters.jsonl"), withDestinationPath: "/dev/full")
        let report = try bench.run(Self.yaml)
        #expect(report.exitCode == 1 && report.drift == nil)
        // Regression: the report said that calls never ended, and not a word of the disk.
        #expect(report.problems.count == 1 && report.problems[0].hasPrefix("dead letters are not written: "))
        #expect(report.problems[0].contains("No space left on device"), "\(report.problems)")
        #expect(report.status.counts.done == 20 && report.status.counts.dead == 0 && report.deadLettersWritten == 0)
        #expect(bench.log.all.contains { $0.text.contains("dead-letters.jsonl") && $0.text.contains("No space left") })
        // What is pending is not counted as dead, too.
        #expect(report.dead == 0 && report.status.unmatched.pending == 1 && report.status.counts.pending == 3)
        let pending = try bench.objects("pending.jsonl")
        #expect(pending.count == 4 && report.pendingWritten?.count == 4)
        #expect(pending.first { $0["id"] as? String == "4" }?.keys.contains("pendinghandler") == false)
        #expect(Set(pending.compactMap { $0["id"] as? String }) == ["1", "2", "3", "4"])
        // Tried again and again, the attempts are written once.
        #expect(try bench.lines("dead-letters.attempts.jsonl").count <= 3)
    }

    @Test func `a disk that does not answer stops neither other deliveries nor the end`() throws {
        let bench = try bench()
        #expect(mkfifo(bench.path("dead-letters.jsonl"), 0o600) == 0)
        let host = try bench.host(Self.yaml, once: false)
        try host.start()
        #expect(bench.eventually { host.progress.status.counts.done == 20 })
        host.stop()
        let report = host.wait()
        #expect(report.exitCode == 1 && report.drift == nil)
        #expect(Set(try bench.objects("pending.jsonl").compactMap { $0["id"] as? String }) == ["1", "2", "3", "4"])
    }

    @Test func `dead letters of events that no route takes piled up in memory while the disk was full`() throws {
        let bench = try RunBench()
        let count = 20_000
        let data = "\"\(String(repeating: "x", count: 400))\""
        try bench.write("events.jsonl", Events.lines(count, type: "com.acme.nobody", data: data))
        // Nothing can be written where a folder is.
        try FileManager.default.createDirectory(
            atPath: bench.path("dead-letters.jsonl"), withIntermediateDirectories: true)
        let yaml = Self.yaml + "log: {bytes: 2MiB}"
        let host = try bench.host(yaml, once: false)
        try host.start()
        #expect(bench.eventually { bench.log.contains("dead letters wait") && host.progress.status.log.isFull })
        // They keep their events in the log, so the source waits; only some are letters already.
        #expect(host.progress.received < count && host.progress.dead == 0)
        try FileManager.default.removeItem(atPath: bench.path("dead-letters.jsonl"))
        #expect(bench.eventually { host.progress.deadLettersWritten == UInt64(count) })
        host.drain()
        let report = host.wait()
        #expect(report.drift == nil && report.exitCode == 0 && report.pendingWritten == nil)
        #expect(report.accepted == UInt64(count) && report.status.unmatched.dead == UInt64(count))
        let ids = try bench.objects("dead-letters.jsonl").compactMap { $0["id"] as? String }
        #expect(ids.count == count && Set(ids).count == count)
    }

    @Test func `events that no route takes were counted dead and pending when a run ended on a full disk`() throws {
        let bench = try RunBench()
        let data = "\"\(String(repeating: "x", count: 400))\""
        try bench.write("events.jsonl", Events.lines(20_000, type: "com.acme.nobody", data: data))
        try FileManager.default.createSymbolicLink(
            atPath: bench.path("dead-letters.jsonl"), withDestinationPath: "/dev/full")
        let host = try bench.host(Self.yaml + "log: {bytes: 2MiB}\nshutdown: {drain: 20ms}", once: false)
        try host.start()
        #expect(bench.eventually { bench.log.contains("dead letters wait") && host.progress.status.log.isFull })
        host.drain()
        let report = host.wait()
        #expect(report.drift == nil && report.exitCode == 1 && report.dead == 0 && report.deadLettersWritten == 0)
        let ids = try bench.objects("pending.jsonl").compactMap { $0["id"] as? String }
        #expect(ids.count == Int(report.accepted) && Set(ids).count == ids.count)
        #expect(report.pendingWritten?.count == ids.count && report.accepted < 20_000)
    }

    @Test func `are written once the disk works again`() throws {
        let bench = try bench()
        try FileManager.default.createDirectory(
            atPath: bench.path("dead-letters.jsonl"), withIntermediateDirectories: true)
        let host = try bench.host(Self.yaml, once: false)
        try host.start()
        #expect(bench.eventually { bench.log.contains("dead letters wait") })
        try FileManager.default.removeItem(atPath: bench.path("dead-letters.jsonl"))
        #expect(bench.eventually { host.progress.status.counts.dead == 3 })
        host.drain()
        let report = host.wait()
        #expect(report.deadLettersWritten == 4 && report.pendingWritten == nil && report.exitCode == 0)
        #expect(try bench.lines("dead-letters.jsonl").count == 4)
        #expect(try bench.lines("dead-letters.attempts.jsonl").count == 3)
    }
}
