import Foundation
import Glibc
import PatchbayConfiguration
import Testing

@testable import PatchbayRuntime

/// Which changes a running host takes, as a pure question.
@Suite struct ReloadFitTests {
    private static let head = """
        apiVersion: patchbay/v1
        modules: {load: [{name: flaky, builtin: fail, config: {script: [ok]}}]}
        policies: {retries: {quick: {maxRetries: 3}}}

        """
    private static let routes = """
        routes:
          - {name: one, type: a.*, to: [{handler: builtin.log}, {handler: flaky.fail}], use: {retry: quick}}
          - {name: two, order: 1, match: event.data.n > 1, to: [{handler: flaky.fail}]}

        """

    private func configuration(_ text: String) throws -> Configuration {
        let bench = try RunBench()
        try bench.write("p.yaml", text)
        return try Preparation(path: bench.path("p.yaml"), inputs: ConfigurationInputs()).configuration
    }

    /// What stands against a change, and whether it changes the routing.
    private func fit(_ change: (String) -> String) throws -> ReloadFit {
        let present = try configuration(Self.head + Self.routes)
        let next = try configuration(change(Self.head + Self.routes))
        let first = try Blueprint(present, seed: 1)
        return ReloadFit(
            from: present, to: next, compiled: try Blueprint(next, seed: 1, keeping: first), first: first)
    }

    @Test func `comments and the places of things change nothing`() throws {
        #expect(try fit { "# a comment\n\n" + $0 }.isSame)
    }

    @Test(
        arguments: [
            ("type: a.*", "type: b.*"), ("event.data.n > 1", "event.data.n > 2"), ("order: 1,", "order: -1,"),
            ("order: 1,", "order: 1, final: true, priority: 9, filters: [{prefix: {subject: x}}],"),
            ("{handler: builtin.log}, {handler: flaky.fail}]", "{handler: builtin.log}]"),
            ("order: 1,", "order: 1, ordering: {key: event.subject},"), ("routes:", "unmatched: drop\nroutes:"),
        ])
    func `what decides who gets an event is taken`(_ old: String, _ new: String) throws {
        let fit = try fit { $0.replacingOccurrences(of: old, with: new) }
        #expect(fit.refused == [] && fit.changesRouting && !fit.isSame)
    }

    @Test func `a route that is gone, and another order of routes, are taken`() throws {
        let lines = Self.routes.split(separator: "\n")
        let gone = try fit { _ in Self.head + "routes:\n\(lines[2])\n" }
        #expect(gone.refused == [] && gone.changesRouting)
        let turned = try fit { _ in Self.head + "routes:\n\(lines[2])\n\(lines[1])\n" }
        #expect(turned.refused == [] && turned.changesRouting)
    }

    @Test(
        arguments: [
            ("maxRetries: 3", "maxRetries: 4", "policies.retries.quick.maxRetries"),
            ("use: {retry: quick}", "use: {retry: default}", "routes.one.use.retry"),
            ("name: two", "name: three", "routes.three (a new route)"),
            (
                "to: [{handler: flaky.fail}]}", "to: [{handler: builtin.log}]}",
                "routes.two.to (builtin.log is new there)"
            ),
            ("[ok]", "[transient]", "modules.load.flaky.config.script"),
            ("routes:", "sources: [{name: s, type: stdin}]\nroutes:", "sources"),
            ("routes:", "log: {backend: file}\nroutes:", "log.backend"),
            ("order: 1,", "order: 1, transform: [{unset: [data.x]}],", "routes.two.transform"),
        ])
    func `what belongs to deliveries that are under way is refused by name`(
        _ old: String, _ new: String, _ path: String
    ) throws {
        let fit = try fit { $0.replacingOccurrences(of: old, with: new) }
        #expect(fit.refused.contains { $0.hasPrefix(path) }, "\(fit.refused)")
    }

    @Test func `files count as changed once, when they have stayed so for a look`() {
        var files = WatchedFiles(now: ["a 1"])
        #expect(
            [["a 1"], ["a 2"], ["a 3"], ["a 3"], ["a 3"]].map { files.step($0) } == [false, false, false, true, false])
        // What comes and goes between looks is nothing.
        #expect([["a 4"], ["a 3"], ["a 3"]].map { files.step($0) } == [false, false, false])
    }
}

/// A changed file and a host that runs, from outside.
@Suite(.enabled(if: CommandLineBench.executable != nil)) struct ReloadTests {
    private func yaml(
        route: String = "{name: all, type: com.example.one, to: [{handler: shop.charge}]}", config: String = "",
        more: String = "", log: String = "log: {backend: file, path: ./data}"
    ) -> String {
        """
        apiVersion: patchbay/v1
        \(log)
        modules:
          directory: ./plugins
          load: [{name: shop, config: {path: ./seen\(config)}}]
        routes:
          - \(route)
        unmatched: drop
        sources:
          - {name: inbox, type: socket, path: ./host.sock}
        \(more)

        """
    }

    private func bench(_ text: String) throws -> (CommandLineBench, CommandLineBench.Running) {
        let bench = try CommandLineBench()
        try FileManager.default.createDirectory(atPath: "\(bench.folder)/plugins", withIntermediateDirectories: true)
        try install("1.0.0", in: bench)
        try bench.write(text, to: "host.yaml")
        return (bench, try bench.host(["--json"]))
    }

    /// Puts a build in the place of the one before, as a whole.
    private func install(_ version: String, _ flag: String? = nil, in bench: CommandLineBench) throws {
        let library = try flag.map { try VersionedModule.library(version, $0) } ?? VersionedModule.library(version)
        try FileManager.default.copyItem(atPath: library, toPath: "\(bench.folder)/new.so")
        #expect(rename("\(bench.folder)/new.so", "\(bench.folder)/plugins/libshop.so") == 0)
    }

    private func send(_ bench: CommandLineBench, _ ids: ClosedRange<Int>, _ type: String = "com.example.two") throws {
        let events = ids.map { CommandLineSamples.event("e\($0)", type: type) }.joined()
        let sent = try bench.run("send", "-c", "host.yaml", "-f", "-", input: events)
        #expect(sent.status == 0, "\(sent)")
    }

    private func reload(_ bench: CommandLineBench) throws -> CommandLineBench.Result {
        try bench.start(["modules", "running", "-c", "host.yaml"]).end(within: 60).status == 0
            ? bench.start(["reload", "-c", "host.yaml"]).end(within: 60) : bench.run("version")
    }

    private func end(_ host: CommandLineBench.Running) throws -> [String: Any] {
        host.signal(SIGTERM)
        let end = host.end(within: 60)
        #expect(end.status == 0, "\(end)")
        return try #require(try JSONSerialization.jsonObject(with: Data(end.output.utf8)) as? [String: Any])
    }

    private func done(_ report: [String: Any]) -> Int? { (report["deliveries"] as? [String: Any])?["done"] as? Int }

    @Test func `changed routes decide from then on, and the log says by which configuration`() throws {
        let (bench, host) = try bench(yaml())
        try send(bench, 1...3)
        try bench.write(
            yaml(route: "{name: all, type: com.example.two, match: event.id != \"e5\", to: [{handler: shop.charge}]}"),
            to: "host.yaml")
        let reloaded = try reload(bench)
        #expect(reloaded.status == 0 && reloaded.output.contains("routes"), "\(reloaded)")
        try send(bench, 4...7)
        let same = try reload(bench)
        #expect(same.status == 0 && same.output == "nothing has changed\n", "\(same)")
        let report = try end(host)
        #expect(done(report) == 3, "\(report)")
        #expect((report["reloads"] as? [String: Any])?["done"] as? Int == 1)
        let dump = try bench.run("log", "dump", "data", "--json").output
        let names = dump.split(separator: "\n").filter { $0.contains("configuration") && $0.contains("name") }
        #expect(names.count >= 2, "both configurations have a number: \(names)")
        #expect(try bench.run("log", "verify", "data").status == 0)
    }

    @Test func `a wrong file, and what only a restart changes, leave everything as it was`() throws {
        let (bench, host) = try bench(yaml(route: "{name: all, type: com.example.two, to: [{handler: shop.charge}]}"))
        let good = bench.read("host.yaml")
        try bench.write(
            good.replacingOccurrences(of: "type: com.example.two", with: "tpye: com.example.two"), to: "host.yaml")
        let wrong = try reload(bench)
        #expect(wrong.status == 1 && wrong.errors.contains("tpye") && wrong.errors.contains("host.yaml:"), "\(wrong)")
        try bench.write(good + "limits: {nesting: 5}\n", to: "host.yaml")
        let refused = try reload(bench)
        #expect(refused.status == 1 && refused.errors.contains("limits.nesting"), "\(refused)")
        // Together with a change that could be taken: none of it is.
        try bench.write(
            good.replacingOccurrences(of: "com.example.two", with: "com.example.three") + "limits: {nesting: 5}\n",
            to: "host.yaml")
        #expect(try reload(bench).status == 1)
        try bench.write(good, to: "host.yaml")
        try send(bench, 1...3)
        let report = try end(host)
        #expect(done(report) == 3 && (report["reloads"] as? [String: Any])?["refused"] as? Int == 3)
        #expect(host.errorText.contains("everything stays as it was"))
    }

    @Test func `SIGHUP takes a new module file over, and a broken one is refused with all the rest`() throws {
        let (bench, host) = try bench(yaml())
        try send(bench, 1...2, "com.example.one")
        try install("2.0.0", in: bench)
        host.signal(SIGHUP)
        #expect(CommandLineBench.wait(60) { bench.read("seen").contains("1.0.0 calls 2") }, "\(host.errorText)")
        try install("3.0.0", "-DNO_CREATE", in: bench)
        try bench.write(
            yaml(route: "{name: all, type: com.example.two, to: [{handler: shop.charge}]}"), to: "host.yaml")
        host.signal(SIGHUP)
        #expect(CommandLineBench.wait(60) { host.errorText.contains("the till is locked") }, "\(host.errorText)")
        try send(bench, 3...4, "com.example.one")
        try send(bench, 5...9, "com.example.two")
        let report = try end(host)
        #expect(done(report) == 4 && bench.read("seen").contains("2.0.0 calls 2"), "\(bench.read("seen"))")
    }

    @Test func `changed configuration of a module without reconfigure makes a second instance of it`() throws {
        let (bench, host) = try bench(yaml())
        try send(bench, 1...2, "com.example.one")
        try bench.write(yaml(config: ", gate: ./gate"), to: "host.yaml")
        let reloaded = try reload(bench)
        #expect(reloaded.status == 0 && reloaded.output.contains("modules shop"), "\(reloaded)")
        try send(bench, 3...5, "com.example.one")
        _ = try end(host)
        #expect(bench.read("seen") == "1.0.0 calls 2\n1.0.0 calls 3\n")
    }

    @Test func `a higher version dropped beside the one that runs takes over, and a lower one is named as refused`()
        throws
    {
        let (bench, host) = try bench(yaml(more: "reload: {watch: true}"))
        func drop(_ version: String, as name: String) throws {
            try FileManager.default.copyItem(
                atPath: try VersionedModule.library(version), toPath: "\(bench.folder)/new.so")
            #expect(rename("\(bench.folder)/new.so", "\(bench.folder)/plugins/\(name)") == 0)
        }
        try send(bench, 1...2, "com.example.one")
        try drop("1.10.0", as: "shop-2.so")
        #expect(CommandLineBench.wait(60) { bench.read("seen").contains("1.0.0 calls 2") }, "\(host.errorText)")
        #expect(host.errorText.contains("duplicateModule: is version 1.0.0 of shop 1.10.0"), "\(host.errorText)")
        try drop("1.9.0", as: "a-shop.so")
        let isNamed = CommandLineBench.wait(60) { host.errorText.contains("is version 1.9.0 of shop 1.10.0") }
        #expect(isNamed, "\(host.errorText)")
        try send(bench, 3...5, "com.example.one")
        #expect(done(try end(host)) == 5)
        #expect(bench.read("seen") == "1.0.0 calls 2\n1.10.0 calls 3\n", "\(host.errorText)")
        #expect(host.errorText.components(separatedBy: "is version 1.0.0 of").count == 2, "said once")
    }

    @Test func `reload watch looks by itself`() throws {
        let watch = "reload: {watch: true}"
        let (bench, host) = try bench(yaml(more: watch, log: ""))
        try bench.write(
            yaml(route: "{name: all, type: com.example.two, to: [{handler: shop.charge}]}", more: watch, log: ""),
            to: "host.yaml")
        #expect(CommandLineBench.wait(60) { host.errorText.contains("reload by a changed file") }, "\(host.errorText)")
        try send(bench, 1...3)
        #expect(done(try end(host)) == 3)
    }
}
