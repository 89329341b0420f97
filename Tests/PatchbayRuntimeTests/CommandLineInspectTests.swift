import Foundation
import Testing

/// The commands that look and change nothing.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct CommandLineInspectTests {
    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any], "\(text)")
    }

    private func bench() throws -> CommandLineBench {
        let bench = try CommandLineBench()
        try bench.write(CommandLineSamples.host, to: "host.yaml")
        return bench
    }

    @Test(arguments: [
        "run", "send", "new", "new handler", "modules", "validate", "explain", "config", "config schema",
        "config effective", "config lint", "test", "version", "replay", "keygen", "sign", "verify",
    ])
    func `shows help with examples for every command`(command: String) throws {
        let result = try CommandLineBench().start(command.split(separator: " ").map(String.init) + ["--help"]).end()
        #expect(result.status == 0 && result.output.contains("\nEXAMPLES\n  patchbay \(command)"), "\(result)")
        #expect(!result.output.contains("\u{1B}"))
    }

    @Test(arguments: [
        (["valdate"], "did you mean 'validate'?"), (["serve-now"], "there are run, send"),
        (["run", "--onse"], "--once"), (["--frobnicate"], "--frobnicate"),
    ])
    func `refuses what is no command or option with 2, naming what is`(arguments: [String], message: String) throws {
        let result = try CommandLineBench().start(arguments).end()
        #expect(result.status == 2 && result.output.isEmpty && result.errors.contains(message), "\(result)")
    }

    @Test func `prints one version everywhere`() throws {
        let bench = try CommandLineBench()
        let flag = try bench.run("--version").output.trimmingCharacters(in: .newlines)
        let version = try json(try bench.run("version", "--json").output)
        #expect(version["version"] as? String == flag && !flag.isEmpty)
        #expect(version["abi"] as? String == "1.0")
        #expect(try bench.run("version").output.contains(flag))
    }

    @Test func `validates a file and says what it checked`() throws {
        let bench = try bench()
        let result = try bench.run("validate", "-c", "host.yaml")
        #expect(result.status == 0 && result.output.hasPrefix("host.yaml: valid\n  2 routes"), "\(result)")
        let value = try json(try bench.run("validate", "-c", "host.yaml", "--json").output)
        #expect(value["valid"] as? Bool == true)
    }

    @Test func `warns of a source's file that is not there yet`() throws {
        let bench = try CommandLineBench()
        try bench.write(CommandLineSamples.once(script: "ok"), to: "patchbay.yaml")
        let result = try bench.run("validate")
        #expect(result.status == 0 && result.output.contains("warning: source events: ./events.jsonl"), "\(result)")
    }

    @Test func `names every error of a file with its place, for people and for scripts`() throws {
        let bench = try bench()
        try bench.write(
            "apiVersion: patchbay/v1\nroutes:\n  - {name: a, type: \"a..b\", too: 1}\nlog: {bytes: 3x}\n", to: "x.yaml")
        let result = try bench.run("validate", "-c", "x.yaml")
        #expect(result.status == 2 && result.output.isEmpty, "\(result)")
        let scripted = try bench.run("validate", "-c", "x.yaml", "--json")
        #expect(scripted.status == 2 && scripted.errors.isEmpty, "\(scripted)")
        let errors = try #require(try json(scripted.output)["errors"] as? [[String: Any]])
        #expect(errors.count >= 3)
        for error in errors {
            let (line, column) = (error["line"] as? Int ?? 0, error["column"] as? Int ?? 0)
            #expect(result.errors.contains("x.yaml:\(line):\(column): error: "), "\(error)")
            #expect(error["code"] is String)
        }
        #expect(result.errors.contains("\(errors.count) errors in x.yaml"))
    }

    @Test func `explains which routes take an event, why, and under which policies`() throws {
        let bench = try bench()
        try bench.write(
            CommandLineSamples.event("1", data: #"{"n":0}"#) + CommandLineSamples.event("2", type: "com.example.stuck"),
            to: "e.jsonl")
        let result = try bench.run("explain", "e.jsonl", "-c", "host.yaml")
        #expect(result.status == 0, "\(result)")
        for expected in [
            "- hello: does not match", "orValue(1) > 0: does not hold: event.data.?n.orValue(1) = 0",
            "no route takes it: unmatched is deadLetter (default)",
            "+ stuck: matches  (host.yaml:9)", "→ stuck.fail",
            "long: 10m an attempt, 20m in all  (host.yaml:14, used at host.yaml:12)",
            "at most 5, exponential from 500ms",
        ] { #expect(result.output.contains(expected), "\(expected) in \(result)") }
        let lines = try bench.run("explain", "e.jsonl", "-c", "host.yaml", "--json").output.split(separator: "\n")
        #expect(lines.count == 2)
        let delivers = try #require(try json(String(lines[1]))["delivers"] as? [[String: Any]])
        #expect(delivers.map { $0["handler"] as? String } == ["stuck.fail"])
    }

    @Test func `explains what can be explained and ends with 1 when an event is refused`() throws {
        let bench = try bench()
        let input = CommandLineSamples.event("1") + "{}\n" + CommandLineSamples.event("3")
        let result = try bench.run("explain", "-", "-c", "host.yaml", input: input)
        #expect(result.status == 1 && result.errors.hasPrefix("standard input:2: refused: "), "\(result)")
        #expect(result.output.contains("id 1") && result.output.contains("id 3"), "\(result)")
    }

    @Test func `prints the schema as JSON and the effective file as one that means the same`() throws {
        let bench = try bench()
        let schema = try json(try bench.run("config", "schema").output)
        #expect((schema["properties"] as? [String: Any])?["routes"] != nil)
        let effective = try bench.run("config", "effective", "-c", "host.yaml").output
        #expect(effective.contains("attempt: 10m  # host.yaml:14"), "\(effective)")
        try bench.write(effective, to: "effective.yaml")
        let again = try bench.run("config", "effective", "-c", "effective.yaml", "--json").output
        let first = try bench.run("config", "effective", "-c", "host.yaml", "--json").output
        #expect(try json(again)["configuration"] as? NSDictionary == json(first)["configuration"] as? NSDictionary)
    }

    @Test func `makes a C handler that builds, tests and runs with make, and lists it`() throws {
        let bench = try CommandLineBench()
        let made = try bench.run("new", "handler", "say-hello", "--language", "c", "--directory", "a b/hello")
        #expect(made.status == 0 && made.output.contains("cd 'a b/hello'"), "\(made)")
        let make = try bench.start(["make", "-C", "a b/hello"], program: "/usr/bin/env").end(within: 60)
        #expect(make.status == 0 && make.output.contains("all passed"), "\(make)")
        #expect(make.errors.contains("3 done"), "\(make)")

        try bench.write("no ELF", to: "a b/hello/plugins/wrong.so")
        let listed = try bench.run("modules", "a b/hello/plugins")
        #expect(listed.status == 1 && listed.output.contains("say-hello.greet"), "\(listed)")
        #expect(listed.output.contains("wrong.so: notELF") && listed.output.contains("remedy: "), "\(listed)")
        let value = try json(try bench.run("modules", "--directory", "a b/hello/plugins", "--json").output)
        #expect((value["modules"] as? [[String: Any]])?.first?["name"] as? String == "say-hello")
        #expect((value["rejected"] as? [[String: Any]])?.first?["code"] as? String == "notELF")

        try bench.write("mine", to: "a b/hello/handler.c")
        let again = try bench.run("new", "handler", "say-hello", "--language", "c", "--directory", "a b/hello")
        #expect(again.status == 2 && again.errors.contains("nothing is overwritten"), "\(again)")
        #expect(bench.read("a b/hello/handler.c") == "mine")
    }

    @Test func `makes a Swift handler over the SDK that lies above the program`() throws {
        let bench = try CommandLineBench()
        let made = try bench.run("new", "handler", "greeter", "--language", "swift")
        if made.status == 0 {
            #expect(bench.read("greeter/Package.swift").contains("/sdk/patchbay\")"), "\(made)")
        } else {
            #expect(made.status == 2 && made.errors.contains("--sdk"), "\(made)")
        }
        let wrong = try bench.run("new", "handler", "other", "--language", "swift", "--sdk", ".")
        #expect(wrong.status == 2 && wrong.errors.contains("no Package.swift"), "\(wrong)")
        #expect(!bench.exists("other"))
    }

    @Test func `names the entry of a module that no file provides`() throws {
        let bench = try CommandLineBench()
        try bench.write("modules:\n  load:\n    - {name: mailer}\n", to: "patchbay.yaml")
        let result = try bench.run("validate")
        #expect(result.status == 2, "\(result)")
        let wanted = "patchbay.yaml:3:14: error: modules.load[0]: no module file provides 'mailer'"
        #expect(result.errors.contains(wanted), "\(result)")
    }

    @Test func `lists nothing and ends with 2 for a directory that is not there`() throws {
        let result = try CommandLineBench().run("modules", "none")
        #expect(result.status == 2 && result.errors.contains("none cannot be listed"), "\(result)")
    }
}
