import Foundation
import Glibc
import PatchbayTestKit
import Testing

/// Calls that are recorded, and run again.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct RecordTests {
    private static let key = "key-of-the-till"

    private func yaml(_ load: String) -> String {
        """
        apiVersion: patchbay/v1
        policies: {retries: {default: {duration: 1ms, maxRetries: 1}}}
        modules:
          load: [{name: till, path: ./till.so, \(load)config: {key: "${secret:till}", shop: here}}]
        unmatched: drop
        routes: [{name: charge, type: com.example.charge, to: [{handler: till.charge}]}]
        sources: [{name: events, type: file, path: ./events.jsonl}]
        """
    }

    /// A folder with version 1.0.0, its configuration and one event for each of `data`.
    private func bench(_ data: [String], load: String = "") throws -> CommandLineBench {
        let bench = try CommandLineBench()
        try FileManager.default.createDirectory(atPath: "\(bench.folder)/secrets", withIntermediateDirectories: true)
        try bench.write("\(Self.key)\n", to: "secrets/till")
        try FileManager.default.copyItem(
            atPath: try RecordedModule.library("1.0.0"), toPath: "\(bench.folder)/till.so")
        try bench.write(yaml(load), to: "patchbay.yaml")
        let events = data.enumerated().map { index, data in
            CommandLineSamples.event("e\(index)", type: "com.example.charge", data: data)
        }
        try bench.write(events.joined(), to: "events.jsonl")
        return bench
    }

    private func record(_ bench: CommandLineBench, _ more: String..., preload: String? = nil) throws
        -> CommandLineBench.Result
    {
        let arguments = ["run", "--once", "--secrets", "secrets", "--json", "--record", "calls"]
        return try bench.start(arguments + more, preload: preload).end(within: 60)
    }

    /// Paths of the recordings, in the order of their numbers.
    private func recordings(_ bench: CommandLineBench) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(bench.folder)/calls").sorted {
            ($0.count, $0) < ($1.count, $1)
        }.map { "calls/\($0)" }
    }

    private func lines(_ bench: CommandLineBench, _ path: String) throws -> [[String: Any]] {
        try bench.read(path).split(separator: "\n").map { try json(String($0)) }
    }

    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    }

    private func rerun(_ bench: CommandLineBench, _ arguments: String...) throws -> CommandLineBench.Result {
        try bench.start(["rerun"] + arguments).end(within: 60)
    }

    private func done(_ result: CommandLineBench.Result) throws -> Int? {
        (try json(result.output)["deliveries"] as? [String: Any])?["done"] as? Int
    }

    // MARK: Compare

    @Test func `the same build does the same, and another one's differences are told`() throws {
        let bench = try bench([#"{"amount":5}"#, #"{"amount":7}"#, #"{"amount":-1}"#])
        let run = try record(bench)
        #expect(try run.status == 3 && done(run) == 2, "\(run)")
        let files = try recordings(bench)
        // Calls that conflict run again, so there may be more.
        #expect(files.count >= 4, "the refused one was tried twice: \(files)")
        for file in files {
            let same = try rerun(bench, file)
            #expect(same.status == 0 && same.output.hasSuffix("the same\n"), "\(same)")
        }
        let second = try RecordedModule.library("2.0.0", "-DFACTOR=2")
        let twelve = try #require(files.first { bench.read($0).contains(#"\"sum\":12"#) })
        let changed = try rerun(bench, twelve, "--module", second, "--json")
        #expect(changed.status == 1, "\(changed)")
        let report = try json(changed.output)
        #expect(report["same"] as? Bool == false && report["handler"] as? String == "till.charge")
        #expect(((report["rerun"] as? [String: Any])?["module"] as? [String: Any])?["version"] as? String == "2.0.0")
        let differences = try #require(report["differences"] as? [[String: Any]])
        #expect(differences.compactMap { $0["what"] as? String } == ["emit 1", "state sum"])
        let refused = try #require(files.first { bench.read($0).contains("declined") })
        let declined = try rerun(bench, refused, "--module", second)
        #expect(declined.status == 0 && declined.output.contains("retry: declined: no money"), "\(declined)")
    }

    @Test func `every service's answers come from the recording, later ones too`() throws {
        let server = try ScriptedServer([.init(status: 203)])
        let url = "http://127.0.0.1:\(server.port)/a"
        let bench = try bench(
            [#"{"op":"rich"}"#, #"{"op":"rich"}"#, #"{"op":"late"}"#, #"{"op":"fetch","url":"\#(url)"}"#],
            load: "grant: {network: [127.0.0.1]}, ")
        let run = try record(bench)
        #expect(try run.status == 3 && done(run) == 3, "\(run)")
        _ = server.stop()
        let files = try recordings(bench)
        #expect(files.count >= 5, "\(files)")
        for file in files {
            let same = try rerun(bench, file)
            #expect(same.status == 0, "\(same)\n\(bench.read(file))")
        }
        let all = files.map { bench.read($0) }.joined()
        #expect(all.contains(#""call":"http.send""#) && all.contains(#""call":"stream.append""#))
        #expect(all.contains(#""outcome":"retry""#) && all.contains("later: not now"))
        let fetch = try #require(files.first { bench.read($0).contains("http.send") })
        #expect(bench.read(fetch).contains(#"\"status\":203"#), "\(bench.read(fetch))")
        // It asks for something that nobody has asked for.
        let other = try rerun(
            bench, fetch, "--module", try RecordedModule.library("3.0.0", "-DPATH=\"/more\""), "--json")
        #expect(other.status == 1, "\(other)")
        let unanswered = try #require(try json(other.output)["unanswered"] as? [[String: Any]])
        #expect(unanswered.count == 1 && unanswered[0]["call"] as? String == "http.send")
    }

    // MARK: Secrets

    @Test func `what came through a secret is in no recording, and can be given to the rerun`() throws {
        let bench = try bench([#"{"amount":5}"#])
        _ = try record(bench)
        let file = try #require(try recordings(bench).first)
        let text = bench.read(file)
        #expect(!text.contains(Self.key), "\(text)")
        #expect(text.contains(#""configuration":{"key":"[redacted]","shop":"here"}"#), "\(text)")
        let given = try rerun(bench, file, "--config", #"{"key":"\#(Self.key)"}"#)
        #expect(given.status == 0 && !given.errors.contains("withholds"), "\(given)")
        #expect(try rerun(bench, file).errors.contains("withholds what came through ${…}: key"))
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(bench.folder)/\(file)")
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
    }

    // MARK: Crashes

    @Test func `a call that ends the host is there as far as it came, and ends its rerun`() throws {
        let bench = try bench([#"{"op":"crash"}"#])
        let run = try record(bench)
        #expect(run.reason == .uncaughtSignal && run.status == SIGSEGV, "\(run)")
        let file = try #require(try recordings(bench).first)
        let entries = try lines(bench, file)
        #expect(entries.count == 2 && entries[1]["call"] as? String == "state.get", "\(entries)")
        let again = try rerun(bench, file, "--json")
        #expect(again.status == 0, "\(again)")
        let now = try #require(try json(again.output)["rerun"] as? [String: Any])
        #expect(now["outcome"] as? String == "crashed" && "\(now["reason"] ?? "")".contains("signal 11 "), "\(now)")
        let mended = try rerun(bench, file, "--module", try RecordedModule.library("1.0.1", "-DMENDED"))
        #expect(mended.status == 1 && mended.output.contains("different: outcome"), "\(mended)")
    }

    @Test func `a crash in a worker is recorded by the host, which goes on`() throws {
        let bench = try bench([#"{"op":"crash"}"#, #"{"amount":1}"#], load: "isolation: process, ")
        let run = try record(bench)
        #expect(try run.status == 3 && done(run) == 1, "\(run)")
        let crashed = try recordings(bench).filter { bench.read($0).contains(#""op\":\"crash"#) }
        #expect(crashed.count >= 2, "two attempts, and maybe some that were not charged")
        let ends = try crashed.compactMap { try lines(bench, $0).last }
        let charged = try #require(ends.firstIndex { $0["by"] as? String == "worker" }, "\(ends)")
        #expect(ends[charged]["outcome"] as? String == "retry", "\(ends)")
        #expect(bench.read(crashed[charged]).contains(#""isolated":true"#))
        let again = try rerun(bench, crashed[charged])
        #expect(again.status == 0 && again.output.contains("crashed: SIGSEGV"), "\(again)")
        #expect(!again.output.contains("crashed: crashed"), "\(again)")
    }

    // MARK: Refusals

    @Test(arguments: [[], ["--record", "calls"]])
    func `what services refuse is refused alike, with a recording and without`(_ options: [String]) throws {
        let bench = try bench([#"{"op":"wild"}"#])
        let run = try bench.start(["run", "--once", "--secrets", "secrets", "--json"] + options).end(within: 60)
        #expect(try run.status == 0 && done(run) == 1, "\(run)")
        guard !options.isEmpty else { return }
        let file = try #require(try recordings(bench).first)
        let requests = try lines(bench, file).filter { $0["call"] != nil }
        let malformed = requests.compactMap { ($0["with"] as? [String: Any])?["malformed"] as? String }
        #expect(malformed.count == 22 && requests.count == 22, "\(bench.read(file))")
        #expect(malformed == requests.compactMap { ($0["answer"] as? [String: Any])?["status"] as? String })
        let same = try rerun(bench, file)
        #expect(same.status == 0, "\(same)")
    }

    // MARK: Timeouts

    @Test(arguments: ["oversleep", "overdue", "never"], ["", "isolation: process, "])
    func `a call that the host has closed is recorded as late, and as failed`(_ op: String, load: String) throws {
        let bench = try bench([#"{"op":"\#(op)"}"#], load: load)
        let text = yaml(load).replacingOccurrences(
            of: "policies: {retries: {default: {duration: 1ms, maxRetries: 1}}}",
            with: "policies: {retries: {default: {maxRetries: 0}}, timeouts: {default: {attempt: 100ms, total: 1h}}}")
        try bench.write(text, to: "patchbay.yaml")
        let run = try record(bench, "--record-failed", "--record-calls", "1")
        #expect(try done(run) == 0, "\(run)")
        let recording = try json(run.output)["recording"] as? [String: Any]
        #expect(recording?["calls"] as? Int == 1, "\(run)")
        let files = try recordings(bench)
        #expect(files.count == 1, "\(files)")
        let end = try #require(try lines(bench, files[0]).last)
        #expect(end["outcome"] as? String == "cancelled" && end["by"] as? String == "host", "\(end)")
        #expect(end["late"] as? Bool == true, "\(end)")
        guard op == "never" else { return }
        let again = try rerun(bench, files[0], "--timeout", "1")
        #expect(again.status == 0 && again.output.contains("late: it did not end in time"), "\(again)")
        let mended = try rerun(bench, files[0], "--module", try RecordedModule.library("1.0.1", "-DMENDED"))
        #expect(mended.status == 1 && mended.output.contains("different: outcome"), "\(mended)")
    }

    // MARK: Bounds

    @Test func `no more calls are recorded than asked for, and all are made`() throws {
        let bench = try bench((1...50).map { _ in #"{"amount":1}"# })
        let run = try record(bench, "--record-calls", "3", "--record-handler", "till.charge")
        #expect(try run.status == 0 && done(run) == 50, "\(run)")
        #expect(try recordings(bench).count == 3)
        #expect(run.errors.contains("recorded as much as was asked for"))
        let recording = try json(run.output)["recording"] as? [String: Any]
        #expect(recording?["calls"] as? Int == 3 && recording?["cut"] as? Int == 0)
    }

    @Test func `a recording that reaches its bytes is cut, and compared as far as it goes`() throws {
        let bench = try bench((1...10).map { _ in #"{"amount":1}"# })
        let run = try record(bench, "--record-bytes", "1700")
        #expect(try run.status == 0 && done(run) == 10, "\(run)")
        let cut = try recordings(bench).filter { bench.read($0).contains(#"{"cut":true}"#) }
        #expect(!cut.isEmpty)
        for file in cut where try lines(bench, file).count > 1 {
            let again = try rerun(bench, file)
            #expect([0, 2].contains(again.status), "\(again)")
        }
    }

    @Test func `of calls that end well nothing is kept where only failures are wanted`() throws {
        let bench = try bench((1...20).map { #"{"amount":\#($0 == 7 ? -1 : 1)}"# })
        let run = try record(bench, "--record-failed")
        #expect(try done(run) == 19, "\(run)")
        let files = try recordings(bench)
        #expect(files.count { bench.read($0).contains("declined: no money") } == 2, "\(files)")
        #expect(!files.contains { bench.read($0).contains(#""outcome":"done""#) }, "\(files)")
    }

    @Test func `a full disk ends the recording with a warning, and no call`() throws {
        let bench = try bench((1...20).map { _ in #"{"amount":1}"# })
        let shim = """
            #define _GNU_SOURCE
            #include <dlfcn.h>
            #include <errno.h>
            #include <stdio.h>
            #include <string.h>
            #include <sys/types.h>
            #include <unistd.h>

            ssize_t write(int file, const void *bytes, size_t count) {
              char name[64], path[512];
              snprintf(name, sizeof name, "/proc/self/fd/%d", file);
              ssize_t length = readlink(name, path, sizeof path - 1);
              path[length > 0 ? length : 0] = 0;
              if (strstr(path, "/calls/") && strstr(path, "-3.jsonl")) {
                errno = ENOSPC;
                return -1;
              }
              return ((ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write"))(file, bytes, count);
            }
            """
        try bench.write(shim, to: "full.c")
        try Modules.compile(["-shared", "-fPIC", "\(bench.folder)/full.c", "-o", "\(bench.folder)/full.so", "-ldl"])
        let run = try record(bench, preload: "\(bench.folder)/full.so")
        #expect(try done(run) == 20, "\(run)")
        #expect(run.status == 1 && run.errors.contains("No space left on device; no more calls are recorded"), "\(run)")
        #expect(run.output.contains("calls were not recorded: "), "\(run)")
    }

    @Test func `what cannot be recorded is said before anything runs`() throws {
        let bench = try bench([#"{"amount":1}"#])
        let unknown = try record(bench, "--record-handler", "till.wash")
        #expect(unknown.status == 1 && unknown.errors.contains("there are: till.charge"), "\(unknown)")
        let folderless = try bench.run("run", "--record-failed")
        #expect(folderless.status == 2 && folderless.errors.contains("need --record FOLDER"), "\(folderless)")
        let nowhere = try bench.start(
            ["run", "--once", "--secrets", "secrets", "--record", "missing/folder"]
        ).end(within: 60)
        #expect(nowhere.status == 1 && nowhere.errors.contains("recordings cannot be written there"), "\(nowhere)")
    }

    // MARK: Rerun

    @Test func `what cannot be run again ends with 2 and says why`() throws {
        let bench = try bench([#"{"amount":1}"#])
        _ = try record(bench)
        let file = try #require(try recordings(bench).first)
        let missing = try rerun(bench, "calls/none.jsonl")
        #expect(missing.status == 2 && missing.errors.contains("cannot be opened"), "\(missing)")
        try bench.write("{\"a\":1}\n", to: "other.jsonl")
        let other = try rerun(bench, "other.jsonl")
        #expect(other.status == 2 && other.errors.contains("is no recorded call"), "\(other)")
        let noModule = try rerun(bench, file, "--module", "gone.so")
        #expect(noModule.status == 2 && noModule.errors.contains("gone.so"), "\(noModule)")
        let text = bench.read(file)
        let newer = text.replacingOccurrences(of: #""patchbayCall":1"#, with: #""patchbayCall":9"#)
        try bench.write(newer, to: "new.jsonl")
        let later = try rerun(bench, "new.jsonl")
        #expect(later.status == 2 && later.errors.contains("has the format 9"), "\(later)")
        try bench.write(text.replacingOccurrences(of: "till.charge\"", with: "till.wash\""), to: "handler.jsonl")
        let handler = try rerun(bench, "handler.jsonl")
        #expect(handler.status == 2 && handler.errors.contains("has no handler 'wash'"), "\(handler)")
    }

    @Test func `a recorded file that is another build by now is told`() throws {
        let bench = try bench([#"{"amount":1}"#])
        _ = try record(bench)
        let file = try #require(try recordings(bench).first)
        let before = try rerun(bench, file, "--json")
        #expect(!before.errors.contains("not the build"), "\(before)")
        #expect(try json(before.output)["sameBuild"] as? Bool == true, "\(before)")
        try FileManager.default.removeItem(atPath: "\(bench.folder)/till.so")
        let second = try RecordedModule.library("2.0.0", "-DFACTOR=2")
        try FileManager.default.copyItem(atPath: second, toPath: "\(bench.folder)/till.so")
        let after = try rerun(bench, file, "--json")
        #expect(after.errors.contains("./till.so is not the build that was recorded (SHA-256 "), "\(after)")
        #expect(try json(after.output)["sameBuild"] as? Bool == false, "\(after)")
        // Somebody who names a file knows.
        #expect(try !rerun(bench, file, "--module", second).errors.contains("not the build"))
    }

    @Test func `a module that closes the pipe of its rerun and goes on is ended`() throws {
        let bench = try bench([#"{"amount":1}"#])
        _ = try record(bench)
        let file = try #require(try recordings(bench).first)
        let wild = try RecordedModule.library("1.0.2", "-DCLOSES")
        let again = try rerun(bench, file, "--module", wild, "--timeout", "0")
        #expect(again.status == 2 && again.errors.contains("ended in create: killed: it closed"), "\(again)")
    }

    @Test func `a debugger gets the same rerun, and without one both are named`() throws {
        let bench = try bench([#"{"amount":1}"#])
        _ = try record(bench)
        let file = try #require(try recordings(bench).first)
        try FileManager.default.createDirectory(atPath: "\(bench.folder)/bin", withIntermediateDirectories: true)
        func start(_ path: String) throws -> CommandLineBench.Result {
            let program = try #require(CommandLineBench.executable)
            return try bench.start(
                ["PATH=\(bench.folder)/\(path)", program, "rerun", file, "--debugger"], program: "/usr/bin/env"
            ).end(within: 60)
        }
        let none = try start("bin")
        #expect(none.status == 2 && none.errors.contains("gdb or lldb"), "\(none)")
        try bench.write("#!/bin/sh\nfor word; do echo \"$word\"; done\n", to: "bin/gdb")
        chmod("\(bench.folder)/bin/gdb", 0o755)
        let words = try start("bin").output.split(separator: "\n").map(String.init)
        let own = try #require(words.firstIndex(of: "--args"))
        #expect(words[(own + 2)...].prefix(4) == ["rerun", file, "--module", "./till.so"], "\(words)")
        // Where no debugger takes the stop, it ends the process.
        let stopped = try bench.start(Array(words[(own + 2)...])).end(within: 60)
        #expect(stopped.reason == .uncaughtSignal && stopped.status == SIGTRAP, "\(stopped)")
    }
}
