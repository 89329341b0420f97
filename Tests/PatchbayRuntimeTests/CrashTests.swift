import Foundation
import PatchbayDispatch
import PatchbayEvents
import Testing

@testable import PatchbayRuntime

/// What is left of a host whose module crashed: words on standard error, and a record that the next run heeds.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct CrashTests {
    /// A host with the crashing module; `file` keeps the log in files.
    private func bench(file: Bool = false, config: String = "{}", handler: String = "crasher.act") throws
        -> CommandLineBench
    {
        let bench = try CommandLineBench()
        try FileManager.default.createDirectory(atPath: "\(bench.folder)/plugins", withIntermediateDirectories: true)
        try FileManager.default.copyItem(
            atPath: Modules.library("crasher"), toPath: "\(bench.folder)/plugins/libcrasher.so")
        let isBatched = handler == "crasher.many"
        try bench.write(
            """
            apiVersion: patchbay/v1
            modules: {directory: ./plugins, load: [{name: crasher, config: \(config)}]}
            policies: {retries: {default: {duration: 1ms}}}
            log: {\(file ? "backend: file, path: ./data" : "backend: memory")}
            routes:
              - name: all
                to: [{handler: \(handler)}]
                ordering: {key: event.id}
                \(isBatched ? "batching: {count: 8, period: 1s}" : "")
            sources:
              - {name: events, type: file, path: ./events.jsonl}

            """, to: "patchbay.yaml")
        return bench
    }

    /// One event; its subject says how its call crashes.
    private func event(_ id: String, _ how: String = "fine") -> String {
        #"{"specversion":"1.0","id":"\#(id)","source":"/test","type":"com.example.hello","subject":"\#(how)"}"# + "\n"
    }

    private func record(_ bench: CommandLineBench, in path: String) throws -> CrashRecord {
        let file = try CrashFile(reading: "\(bench.folder)/\(path)")
        #expect(file.problems.isEmpty, "\(file.problems)")
        return try #require(file.records.last, "\(bench.read(path))")
    }

    private static let ways = [
        ("segfault", SIGSEGV, "SIGSEGV"), ("abort", SIGABRT, "SIGABRT"), ("overflow", SIGSEGV, "SIGSEGV"),
        ("trap", SIGILL, "SIGILL"), ("divide", SIGFPE, "SIGFPE"),
    ]

    @Test(arguments: ways, [false, true])
    func `a crash in a call names module, version, handler and event, and ends the process by its signal`(
        _ way: (how: String, signal: Int32, name: String), inFiles: Bool
    ) throws {
        let bench = try bench(file: inFiles)
        try bench.write(event("before") + event("e1", way.how), to: "events.jsonl")
        let result = try bench.run("run", "--once")
        #expect(result.reason == .uncaughtSignal && result.status == way.signal, "\(result)")
        for words in [
            "ends: \(way.name)", "module   crasher 1.2.3", "handler  crasher.act",
            "event    e1 of /test, type com.example.hello, attempt 1, route all", ", in handle\n",
        ] { #expect(result.errors.contains(words), "\(words): \(result)") }
        let record = try record(bench, in: inFiles ? "data/crashes.jsonl" : "crashes.jsonl")
        #expect(record.signal == way.name && record.phase == "handle" && record.sender == nil)
        #expect(record.module == "crasher" && record.version == "1.2.3" && record.handler == "crasher.act")
        #expect(
            record.events == [
                CrashRecord.Event(
                    source: "/test", id: "e1", type: "com.example.hello", route: "all", attempt: 1, isCut: false)
            ])
        if way.how == "segfault" { #expect(record.address == "0x8" && record.code == "crasher", "\(record)") }
    }

    @Test func `the next run says what happened, and takes the module out of its process`() throws {
        let bench = try bench(file: true)
        try bench.write(event("bad", "segfault") + (1...20).map { event("\($0)") }.joined(), to: "events.jsonl")
        #expect(try bench.run("run", "--once").status == SIGSEGV)
        // From here on the event comes from the log.
        try bench.write("", to: "events.jsonl")
        let second = try bench.run("run", "--once")
        #expect(second.status == 3 && second.reason == .exit, "\(second)")
        #expect(second.errors.contains("ended in a crash: SIGSEGV at address 0x8 in module crasher 1.2.3"), "\(second)")
        #expect(second.errors.contains("'crasher' runs in a process of its own this time"), "\(second)")
        #expect(second.errors.contains("20 done"), "\(second)")
        let letters = try bench.run("dlq", "list", "--data", "./data", "--json")
        #expect(letters.output.contains("crashed: SIGSEGV at 0x8 in libcrasher.so"), "\(letters)")
        let last = try bench.run("run", "--once")
        #expect(last.status == 0 && !last.errors.contains("crash"), "said once: \(last)")
    }

    @Test func `an event in which the host died twice is given up, until there is a new version`() throws {
        let bench = try bench()
        try bench.write(event("e1", "abort"), to: "events.jsonl")
        for _ in 1...2 {
            #expect(try bench.run("run", "--once").status == SIGABRT)
            #expect(try bench.run("run", "--once").status == 3, "the event comes again, to a process of its own")
        }
        #expect(bench.read("dead-letters.jsonl").contains("crashed: the host died 2 times in this call"))
        let records = bench.read("crashes.jsonl").replacing("\"1.2.3\"", with: "\"1.2.2\"")
        try bench.write(records, to: "crashes.jsonl")
        #expect(try bench.run("run", "--once").status == SIGABRT)
    }

    @Test func `a crash in a batch names all its events, which the next run hands over one by one`() throws {
        let bench = try bench(file: true, handler: "crasher.many")
        try bench.write((1...7).map { event("\($0)", $0 == 5 ? "divide" : "fine") }.joined(), to: "events.jsonl")
        #expect(try bench.run("run", "--once").status == SIGFPE)
        let record = try record(bench, in: "data/crashes.jsonl")
        #expect(record.phase == "handle_batch" && record.events.count == 7, "\(record)")
        try bench.write("", to: "events.jsonl")
        let last = try bench.run("run", "--once")
        #expect(last.status == 3 && last.errors.contains("event_id=5"), "\(last)")
        // Others of the batch may have been done before the crash in which the one at fault was alone.
        #expect(last.errors.contains(" 1 dead") && last.errors.contains("0 deliveries pending"), "\(last)")
    }

    @Test(arguments: ["create", "destroy"])
    func `a crash in another function of a module names the function`(phase: String) throws {
        let bench = try bench(config: "{\(phase): segfault}")
        try bench.write(event("e1"), to: "events.jsonl")
        let result = try bench.run("run", "--once")
        #expect(
            result.status == SIGSEGV && result.errors.contains(", in \(phase)\n    module   crasher 1.2.3"), "\(result)"
        )
        let record = try record(bench, in: "crashes.jsonl")
        #expect(record.phase == phase && record.handler == "crasher.act" && record.events.isEmpty)
    }

    @Test func `a crash on a thread of the module's own names the module by its code`() throws {
        let bench = try bench()
        try bench.write(event("e1", "there:abort"), to: "events.jsonl")
        let aborted = try bench.run("run", "--once")
        #expect(aborted.errors.contains("loaded   crasher 1.2.3"), "not in its code: \(aborted)")
        try bench.write(event("e1", "there:segfault"), to: "events.jsonl")
        let result = try bench.run("run", "--once")
        #expect(result.status == SIGSEGV && result.errors.contains(", in no call of a module"), "\(result)")
        #expect(result.errors.contains("module   crasher 1.2.3"), "\(result)")
        let record = try record(bench, in: "crashes.jsonl")
        #expect(record.module == "crasher" && record.phase == nil && record.events.isEmpty)
    }

    @Test func `a crash on a thread of the module's own takes all its instances out of the next run's process`() throws
    {
        let bench = try bench()
        let text = bench.read("patchbay.yaml")
            .replacing("load: [{name: crasher, config: {}}]", with: "load: [{name: a, path: ./plugins/libcrasher.so}]")
            .replacing("crasher.act", with: "a.act")
        try bench.write(text, to: "patchbay.yaml")
        try bench.write(event("e1") + event("e2", "there:segfault"), to: "events.jsonl")
        #expect(try bench.run("run", "--once").status == SIGSEGV)
        let second = try bench.run("run", "--once")
        #expect(second.status == 3 && second.reason == .exit, "\(second)")
        #expect(second.errors.contains("'a' runs in a process of its own this time"), "\(second)")
        #expect(bench.read("dead-letters.jsonl").contains("crashed: SIGSEGV"))
    }

    @Test func `a crash of a function in the host's process takes it out of the next run's`() throws {
        let bench = try CommandLineBench()
        try bench.write(
            """
            apiVersion: patchbay/v1
            modules:
              functions:
                - {name: f, library: \(try PlainLibrary.path()), symbol: crash, signature: void(), isolation: inline}
            policies: {retries: {default: {duration: 1ms, maxRetries: 1}}}
            routes: [{name: all, to: [{handler: functions.f}]}]
            sources: [{name: events, type: file, path: ./events.jsonl}]

            """, to: "patchbay.yaml")
        try bench.write(event("e1") + event("e2"), to: "events.jsonl")
        #expect(try bench.run("run", "--once").status == SIGSEGV)
        let second = try bench.run("run", "--once")
        #expect(second.status == 3 && second.errors.contains("2 dead"), "\(second)")
        #expect(second.errors.contains("'functions.f' runs in a process of its own this time"), "\(second)")
    }

    @Test func `a record names the instance, the function or the module that is kept out of the process`() throws {
        func code(_ members: String) throws -> CrashedCode {
            let line = #"{"time":1,"signal":"SIGSEGV",\#(members),"events":[]}"#
            return CrashedCode(of: [try CrashRecord(try JSONReader().value(Array(line.utf8)))])
        }
        #expect(try code(#""module":"m","handler":"a.b.c""#).instances == ["a"])
        #expect(try code(#""module":"libz.so.1","handler":"functions.f""#).functions == ["f"])
        for phase in ["", #","phase":"shutdown""#] {
            #expect(try code(#""module":"m","handler":""\#(phase)"#).modules == ["m"])
        }
        #expect(try code(#""module":"","handler":"builtin.exec""#) == CrashedCode())
        #expect(try code(#""module":"m","handler":"a.b","sender":7"#) == CrashedCode())
        #expect(try code(#""thread":"x""#) == CrashedCode())
    }

    @Test func `a killed process leaves no record, and a signal from outside is nobody's fault`() throws {
        let bench = try bench()
        try bench.write(event("e1", "kill"), to: "events.jsonl")
        #expect(try bench.run("run", "--once").status == SIGKILL && !bench.exists("crashes.jsonl"))
        try bench.write(CommandLineSamples.host, to: "host.yaml")
        let host = try bench.host()
        host.signal(SIGSEGV)
        let result = host.end(within: 60)
        #expect(result.status == SIGSEGV && result.reason == .uncaughtSignal, "\(result)")
        #expect(result.errors.contains("sent by process \(getpid())"), "\(result)")
        let record = try record(bench, in: "crashes.jsonl")
        #expect(record.sender == Int64(getpid()) && record.module == nil && record.events.isEmpty)
    }

    @Test func `what is no record in the file is named with its line, and the others count`() throws {
        let bench = try CommandLineBench()
        let line =
            #"{"time":5,"pid":1,"signal":"SIGSEGV","phase":"handle","module":"m","version":"1","handler":"m.h","events":[{"attempt":1,"source":"/s","id":"a"}]}"#
        try bench.write(
            "\(line)\n{\"time\":6,\"sig\n[]\n{\"time\":7}\n{\"reported\":5}\n\(line)\n", to: "crashes.jsonl")
        let file = try CrashFile(reading: "\(bench.folder)/crashes.jsonl")
        #expect(file.records.count == 2 && file.problems.map(\.line) == [2, 3, 4] && file.reportedUntil == 5)
        #expect(file.crashes(source: "/s", id: "a", handler: "m.h", version: "1") == 2)
        #expect(file.crashes(source: "/s", id: "a", handler: "m.h", version: "2") == 0)
        #expect(file.suspects.count == 1 && file.suspects[0].refusal?.hasPrefix("crashed: ") == true)
        #expect(try CrashFile(reading: "\(bench.folder)/none.jsonl").records.isEmpty)
        #expect(throws: CrashFileError.self) { try CrashFile(reading: bench.folder) }
    }
}
