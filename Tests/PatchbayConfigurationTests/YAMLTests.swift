import Testing

@testable import PatchbayConfiguration

@Suite struct YAMLTests {
    @Test(arguments: ["", "\n\n", "# nothing\n", "---\n", "{}", "null", "---\n...\n"])
    func `nothing is the default configuration`(yaml: String) throws {
        #expect(try valid(yaml).unmatched == .deadLetter)
    }

    @Test func `sections without content have their defaults`() throws {
        let configuration = try valid(
            "routes:\nsources:\nlog:\npolicies:\n  retries:\n    default:\nmodules:\n  load:\n")
        #expect(configuration.log.pendingBytesMax == 256 << 20 && configuration.routes.isEmpty)
        #expect(configuration.policies.retries.names == ["default"])
    }

    @Test func `anchors and merge keys work, and what is written wins`() throws {
        let configuration = try valid(
            """
            policies:
              retries:
                base: &base {duration: 1s, maxRetries: 2}
                other: &other {duration: 9s, jitter: none}
                slow: {<<: *base, duration: 5s}
                both: {<<: [*base, *other], maxRetries: 3}
            routes:
              - {name: a, to: &to [{handler: a.b}]}
              - {name: b, to: *to}
            """)
        let retries = configuration.policies.retries
        #expect(retries.policy("slow").duration == .seconds(5) && retries.policy("slow").maxRetries == 2)
        let both = retries.policy("both")
        #expect(both.duration == .seconds(1) && both.jitter == .none && both.maxRetries == 3)
        #expect(configuration.routes[1].to == configuration.routes[0].to)
        // A merged value stands where it is written.
        #expect(configuration.origins["policies.retries.slow.maxRetries"]?.location.line == 3)
    }

    @Test func `a mistake in an anchored value is reported once`() {
        let yaml = "policies:\n  retries:\n    a: &a {duration: 5, nope: 1}\n    b: *a\n    c: {<<: *a}\n"
        #expect(draft(yaml).errors.map(\.location.column) == [22, 25])
    }

    @Test(arguments: [
        ("limits: {nesting: 1\n", "2:1", "did not find expected"),
        ("limits:\n\tnesting: 1", "2:1", "cannot start any token"),
        ("a: b: c", "1:5", "mapping values are not allowed"),
        ("limits: *no", "1:9", "undefined alias"),
        ("a: 'x", "1:6", "unexpected end of stream"),
        ("{}\n---\n{}", "2:1", "another document"),
        ("limits: \u{1}", "1:9", "control characters"),
        ("a: [}", "1:5", "did not find expected"),
    ])
    func `says where a text stops being YAML`(yaml: String, place: String, problem: String) {
        let found = draft(yaml).errors
        #expect(found.count == 1 && found.first?.code == .syntax)
        #expect(found.first.map { "\($0.location.line):\($0.location.column)" } == place)
        #expect(found.first?.message.contains(problem) == true, "\(found)")
    }

    @Test func `says to quote interpolation inside braces`() {
        #expect(draft("limits: {nesting: ${X}}").errors.first?.remedy?.contains("quote text that holds ${") == true)
    }

    @Test func `reports every repeated key, quoted or not, beside other errors`() {
        let yaml = """
            log: {bytes: 1MiB, "bytes": 2MiB}
            limits:
              nesting: 1
              'nesting': 2
              eventBytes: 1MiB
              nesting: 3
            log: {}
            unmatched: x
            """
        #expect(
            errors(yaml) == [
                "1:20 duplicateKey log.bytes: key 'bytes' appears more than once in this map (first at line 1)",
                "4:3 duplicateKey limits.nesting: key 'nesting' appears more than once in this map (first at line 3)",
                "6:3 duplicateKey limits.nesting: key 'nesting' appears more than once in this map (first at line 3)",
                "7:1 duplicateKey log: key 'log' appears more than once in this map (first at line 1)",
                "8:12 badValue unmatched: 'x' is not accepted",
            ])
    }

    @Test func `YAML's own tags are taken and others are refused`() throws {
        let config = try valid("modules: {load: [{name: a, config: {a: !!str 5, b: !!int 5, c: !!map {}}}]}").modules
        #expect(config.load[0].config.json == #"{"a":"5","b":5,"c":{}}"#)
        #expect(
            errors("unmatched: !x drop\nroutes: !y []\n") == [
                "1:12 badValue unmatched: the tag '!x' has no meaning here",
                "2:9 badValue routes: the tag '!y' has no meaning here",
            ])
    }

    @Test func `keys are text, not lists`() {
        #expect(errors("? [a]\n: 1\n").map { $0.prefix(13) } == ["1:3 wrongType"])
        #expect(errors("<<: 5\n") == ["1:5 wrongType : '<<' takes a map or a list of maps"])
    }

    @Test func `a file that is not there, or not text, is an error with the file's name`() throws {
        let missing = Configuration.read(path: "/nonexistent/p.yaml") { _, _ in nil }
        #expect(missing.errors.map(\.code) == [.unreadable])
        #expect(missing.errors.first?.location.description == "/nonexistent/p.yaml:1:1")
        try withSecrets(["p.yaml": "unmatched: drop\n"]) { folder in
            let path = "\(folder)/p.yaml"
            #expect(Configuration.read(path: path) { _, _ in nil }.configuration.unmatched == .drop)
            #expect(Configuration.read(path: folder) { _, _ in nil }.errors.map(\.code) == [.unreadable])
        }
    }
}

@Suite struct YAMLBoundTests {
    @Test func `deep nesting is an error, in flow and in block form`() {
        let flow = String(repeating: "[", count: 900) + String(repeating: "]", count: 900)
        let block = (0..<200).map { String(repeating: " ", count: $0) + "a:\n" }.joined()
        let dashes = String(repeating: "- ", count: 900) + "x"
        for nested in [flow, block, dashes] { #expect(draft(nested).errors.map(\.code) == [.tooLarge]) }
        let deepest = String(repeating: "[", count: 70) + String(repeating: "]", count: 70)
        #expect(draft("a: " + String(repeating: "[", count: 100_000)).errors.map(\.code) == [.syntax])
        let wide = "[" + String(repeating: deepest + ",", count: 50) + "]"
        #expect(draft("modules: {load: [{name: a, config: {a: \(wide)}}]}").errors.map(\.code) == [.tooLarge])
        let deepConfig = String(repeating: "{a: ", count: 70) + "1" + String(repeating: "}", count: 70)
        #expect(draft("modules: {load: [{name: a, config: \(deepConfig)}]}").errors.map(\.code) == [.tooLarge])
    }

    @Test func `alias bombs are bounded`() {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...12 {
            let uses = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            bomb += "a\(level): &a\(level) [\(uses)]\n"
        }
        #expect(draft(bomb).errors.map(\.code) == [.tooLarge])
        // As a key, where the parser itself would expand it.
        #expect(draft(bomb + "? *a12\n: 1\n").errors.map(\.code) == [.tooLarge])
        #expect(draft(bomb + "{*a12 : 1}\n").errors.map(\.code) == [.tooLarge])
        #expect(draft(bomb + "x: {[*a12]: 1}\n").errors.map(\.code) == [.tooLarge])
        // Deep inside deep, which costs stack rather than time.
        var tower = "a0: &a0 [x]\n"
        for level in 1...3000 {
            tower += "a\(level): &a\(level) " + String(repeating: "[", count: 30) + "*a\(level - 1)"
            tower += String(repeating: "]", count: 30) + "\n"
        }
        #expect(draft(tower).errors.map(\.code) == [.tooLarge])
        var merges = "x0: &x0 {a: 1}\n"
        for level in 1...3000 { merges += "x\(level): &x\(level) {<<: [*x\(level - 1), *x\(level - 1)]}\n" }
        #expect(draft(merges).errors.map(\.code) == [.tooLarge])
    }

    @Test func `a large honest file is read`() throws {
        var yaml = "policies: {retries: {fast: &fast {duration: 1ms}}}\nroutes:\n"
        for number in 0..<2000 {
            yaml +=
                "  - {name: r\(number), type: a.b.c\(number), to: [{handler: m.h\(number % 7)}], use: {retry: fast}}\n"
        }
        #expect(try valid(yaml).routes.count == 2000)
    }

    @Test func `a file past the bound is refused before it is parsed`() {
        let yaml = "# " + String(repeating: "x", count: YAMLReader.textBytesMax)
        #expect(draft(yaml).errors.map(\.code) == [.tooLarge])
    }
}
