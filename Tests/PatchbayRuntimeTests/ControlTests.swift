import Foundation
import Glibc
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import Testing

@testable import PatchbayRuntime

/// Dead letters of a running host, changed through its control socket.
@Suite struct `a running host's control socket` {
    /// A handler that refuses six times and then takes everything, and one beside it.
    private static func yaml(_ last: String = "ok") -> String {
        let script = Array(repeating: "permanent", count: 6).joined(separator: ", ") + ", \(last)"
        return """
            log: {backend: file, path: FOLDER/data}
            policies: {circuitBreakers: {default: {trip: "false"}}}
            modules: {load: [{name: flaky, builtin: fail, config: {script: [\(script)]}}]}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes:
              - {name: all, type: com.acme.test, to: [{handler: flaky.fail}]}
              - {name: others, type: com.acme.other, to: [{handler: builtin.log}]}
            """
    }

    /// A host that has six dead letters and waits for more.
    private func running(_ bench: RunBench, events: Int = 6) throws -> PatchbayRuntime.Host {
        try bench.write("events.jsonl", Events.lines(events, data: #"{"exact":1.10}"#))
        let host = try bench.host(Self.yaml(), once: false)
        try host.start()
        let isDead = try bench.eventually {
            try letters(bench).count == min(6, events)
        }
        #expect(isDead)
        return host
    }

    private func letters(_ bench: RunBench) throws -> [StoredLetter] {
        var found: [StoredLetter] = []
        try StoredLetters(folder: bench.path("data")).forEach { letter in
            found.append(letter)
            return true
        }
        return found
    }

    private func stored(_ bench: RunBench) throws -> StoredLetters { try StoredLetters(folder: bench.path("data")) }

    private func desk(_ bench: RunBench) throws -> LetterDesk {
        try LetterDesk(folder: bench.path("data"), routes: ["all"], handlers: ["flaky.fail"], who: "ada")
    }

    @Test func `redrives, edits and purges while it runs, and everything adds up`() throws {
        let bench = try RunBench()
        let host = try running(bench)
        let all = try letters(bench)
        do {
            var desk = try desk(bench)
            let isOnline = desk.isOnline
            #expect(isOnline)
            var event = all[1].event.redriven
            event.data = Array(#"{"exact":2.20}"#.utf8)
            try desk.edit(all[1], to: event)
            let stored = try stored(bench)
            try desk.redrive(all[..<3].map(\.id), of: stored, to: nil)
            try desk.check(target: "builtin.log")
            try desk.redrive([all[3].id], of: stored, to: "builtin.log")
            try desk.purge([all[4].id], of: stored)
        }
        #expect(bench.eventually { host.progress.status.counts.done == 4 })
        #expect(try letters(bench).map(\.id) == [all[5].id])
        host.drain()
        let report = host.wait()
        #expect(report.problems == [] && report.exitCode == 0, "\(report)")
        // Received, accepted and delivered like a source's events.
        let operators = try #require(report.sources.last)
        #expect(operators.name == "operators" && operators.received == 4 && operators.accepted == 4)
        #expect(report.counts("flaky.fail").done == 3 && report.counts("builtin.log").done == 1)
        // In the log: what was edited was delivered, and who did it all.
        let history = try StoredEvents(folder: bench.path("data"))
        let line = try history.find(id: all[1].event.id, source: all[1].event.source).line
        #expect(String(decoding: line, as: UTF8.self).contains(#"{"exact":2.20}"#))
        let log = try LogReader.open(FileStorage(bench.path("data/log")))
        let before = try history.history(of: try #require(try log.event(at: all[1].delivery.position)))
        #expect("\(before.deliveries)".contains("ada"))
        #expect(try bench.run(Self.yaml("ok")).problems == [])
    }

    @Test func `a letter is taken once, and a handler that the host has not is named`() throws {
        let bench = try RunBench()
        let host = try running(bench)
        let all = try letters(bench)
        do {
            var desk = try desk(bench)
            let stored = try stored(bench)
            try desk.purge([all[0].id], of: stored)
            let gone = #expect(throws: ControlFailure.self) { try desk.purge([all[1].id, all[0].id], of: stored) }
            #expect(gone?.code == .missing)
            let none = #expect(throws: ControlFailure.self) { try desk.check(target: "nobody.here") }
            #expect(none?.code == .handler)
            let nobody = #expect(throws: ControlFailure.self) {
                try desk.redrive([all[1].id], of: stored, to: "nobody.here")
            }
            #expect(nobody?.code == .handler && nobody?.message.contains("flaky.fail") == true)
        }
        // What was refused changed nothing.
        #expect(try letters(bench).count == 5)
        host.drain()
        #expect(host.wait().problems == [])
    }

    @Test func `the socket is the user's alone, goes with the host, and what a crash left of it is replaced`() throws {
        let bench = try RunBench()
        try FileManager.default.createDirectory(atPath: bench.path("data"), withIntermediateDirectories: true)
        // A socket that nobody listens at.
        close(try UnixSocket.listen(at: bench.path("data/control")))
        let host = try running(bench)
        var status = stat()
        #expect(stat(bench.path("data/control"), &status) == 0 && status.st_mode & 0o777 == 0o600)
        host.stop()
        _ = host.wait()
        #expect(!FileManager.default.fileExists(atPath: bench.path("data/control")))
        let isOnline = try desk(bench).isOnline
        #expect(!isOnline)
    }

    @Test func `lines that are no requests are answered, and do no harm`() throws {
        let bench = try RunBench()
        let host = try running(bench)
        let client = try RawClient(bench.path("data/control"))
        for (line, code) in [
            ("hello", "malformed"), ("[1]", "malformed"), (#"{"do":"purge"}"#, "version"),
            (#"{"patchbay":2,"do":"purge","letters":["1-0"],"by":"x"}"#, "version"),
            (#"{"patchbay":1,"do":"purge","letters":[],"by":"x"}"#, "malformed"),
            (#"{"patchbay":1,"do":"purge","letters":["1-0","1-0"],"by":"x"}"#, "malformed"),
            (#"{"patchbay":1,"do":"dance","by":"x"}"#, "malformed"),
            (#"{"patchbay":1,"do":"edit","letters":["1-0"],"event":"{}","by":"x"}"#, "malformed"),
            (#"{"patchbay":1,"do":"purge","letters":["99999-7"],"by":"x"}"#, "missing"),
        ] {
            try client.send(line + "\n")
            let answer = try client.line()
            #expect(answer.contains(#""error":"\#(code)""#), "\(line): \(answer)")
        }
        // Two requests at once get two answers.
        try client.send("a\nb\n")
        #expect(try client.line().contains("malformed") && client.line().contains("malformed"))
        // One that never ends is cut off.
        let endless = try RawClient(bench.path("data/control"))
        try endless.send(String(repeating: "x", count: ControlProtocol.requestBytesMax + 1))
        #expect(try endless.line().contains("bytes"))
        // As is one client too many.
        let others = try (1..<ControlProtocol.clientsMax).map { _ in try RawClient(bench.path("data/control")) }
        for other in others { try other.send("x\n") }
        for other in others { #expect(try other.line().contains("malformed")) }
        #expect(try RawClient(bench.path("data/control")).line().contains("busy"))
        host.stop()
        #expect(host.wait().problems == [])
    }

    @Test func `requests and answers are read back as they were written`() throws {
        let requests: [ControlRequest] = [
            .redrive([LetterID(sequence: 812, index: 0), LetterID(sequence: 812, index: 3)], to: nil, by: "ada"),
            .redrive([LetterID(sequence: 1, index: 0)], to: "billing.retry", by: "\"Ö\""),
            .purge([LetterID(sequence: .max, index: .max)], by: ""),
            .edit(LetterID(sequence: 7, index: 1), event: Array(#"{"data":"a\nb"}"#.utf8), by: "ada"),
        ]
        for request in requests {
            #expect(request.line.last == 0x0A && request.line.count { $0 == 0x0A } == 1)
            #expect(try ControlRequest(request.line[...]) == request)
        }
        for answer in [ControlAnswer.changed(128), .failed(ControlFailure(.missing, "no \"such\"\nletter"))] {
            #expect(answer.line.count { $0 == 0x0A } == 1)
            #expect(try ControlAnswer(answer.line[...]) == answer)
        }
    }

    @Test func `a pace spreads steps evenly and does not make up for what was missed`() {
        var pace = Pace(rate: 50, stepMax: 128)
        #expect(pace.step == 5 && pace.wait(now: 0) == 0)
        pace.did(5, now: 1_000)
        #expect(pace.wait(now: 1_000) == 100_000_000 && pace.wait(now: 200_000_000) == 0)
        pace.did(5, now: 10_000_000_000)
        #expect(pace.wait(now: 10_000_000_000) == 100_000_000)
        #expect(Pace(rate: 0.5, stepMax: 128).step == 1 && Pace(rate: 1e9, stepMax: 128).step == 128)
        #expect(Pace(rate: nil, stepMax: 128).step == 128)
    }
}

/// A client that may send anything.
private final class RawClient {
    private let file: Int32
    private var input: [UInt8] = []

    init(_ path: String) throws {
        guard let file = UnixSocket.connect(to: path) else { throw BenchError("nobody listens at \(path)") }
        self.file = file
        var patience = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(file) }

    /// The other side may hang up meanwhile.
    func send(_ text: String) throws {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }

    func line() throws -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            if let end = input.firstIndex(of: 0x0A) {
                defer { input.removeSubrange(...end) }
                return String(decoding: input[..<end], as: UTF8.self)
            }
            let count = read(file, &buffer, buffer.count)
            guard count > 0 else { throw BenchError("no answer") }
            input += buffer[..<count]
        }
    }
}

/// Dead letters that go by themselves.
@Suite struct `retention of dead letters` {
    private func id(_ number: Int) -> LetterID { LetterID(sequence: UInt64(number), index: 0) }

    @Test func `lets go what its route has kept for long enough, oldest first and some at a time`() {
        var retention = LetterRetention(["hour": 100, "day": 1_000, "ever": 0])
        #expect(retention.isOn && !LetterRetention(["ever": 0]).isOn)
        for number in 0..<6 {
            retention.add(id(number), route: ["hour", "day", "ever"][number % 3], diedAt: UInt64(number))
        }
        #expect(retention.seen == id(5))
        #expect(retention.takeExpired(unixNow: 99, max: 9) == [])
        #expect(retention.takeExpired(unixNow: 102, max: 9) == [id(0)])
        #expect(retention.takeExpired(unixNow: .max, max: 2) == [id(1), id(4)])
        #expect(retention.takeExpired(unixNow: .max, max: 2) == [id(3)])
        #expect(retention.takeExpired(unixNow: .max, max: 2) == [])
    }

    @Test func `a host purges them, counts them, and leaves an operation in the log`() throws {
        let bench = try RunBench(.file)
        try bench.write("events.jsonl", Events.lines(300))
        let script = Array(repeating: "permanent", count: 299).joined(separator: ", ")
        let host = try bench.host(
            """
            policies: {circuitBreakers: {default: {trip: "false"}}}
            modules: {load: [{name: flaky, builtin: fail, config: {script: [\(script)]}}]}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: flaky.fail}], deadLetter: {retention: 1ms}}]
            """, once: false)
        try host.start()
        #expect(bench.eventually { host.progress.status.counts.pending == 0 && host.progress.dead == 299 })
        #expect(try bench.eventually { try bench.deadLetters().isEmpty })
        host.drain()
        let report = host.wait()
        #expect(report.problems == [] && report.log?.expired == 299, "\(report)")
        let history = try StoredEvents(folder: bench.path("data"))
        let event = try history.find(id: "1", source: "/test")
        #expect("\(try history.history(of: event).deliveries)".contains("retention"))
    }
}
