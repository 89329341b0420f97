import Testing

@testable import PatchbayConfiguration

@Suite struct InterpolationTests {
    @Test func `environment variables stand for any scalar`() throws {
        let configuration = try valid(
            """
            modules: {directory: "${HOME}/plugins"}
            limits: {nesting: "${DEPTH}", eventBytes: "${SIZE:-2MiB}"}
            shutdown: {drain: "${DRAIN:-5s}"}
            routes: [{name: a, final: "${LAST}", to: [{handler: "${MODULE}.charge"}]}]
            """,
            environment: ["HOME": "/home/me", "DEPTH": "7", "DRAIN": "", "LAST": "true", "MODULE": "billing"])
        #expect(configuration.modules.directory == "/home/me/plugins")
        #expect(configuration.limits.nesting == 7 && configuration.limits.eventBytes == 2 << 20)
        // As in a shell, an empty variable takes the default of `:-`.
        #expect(configuration.shutdown.drain == .seconds(5))
        #expect(configuration.routes[0].final)
        #expect(configuration.routes[0].to[0].handlers[0].name == "billing.charge")
    }

    @Test func `two dollars escape, and a lone dollar is text`() throws {
        let config = try valid(
            """
            modules: {load: [{name: a, config: {a: "$${HOME}", b: $5, c: "x$", d: "$$${X}"}}]}
            """, environment: ["X": "y"]
        ).modules.load[0].config
        #expect(config["a"] == .string("${HOME}"))
        #expect(config["b"] == .string("$5"))
        #expect(config["c"] == .string("x$"))
        #expect(config["d"] == .string("$${X}"))
    }

    @Test func `free configuration keeps the types that YAML gives`() throws {
        let config = try valid(
            """
            modules:
              load:
                - name: a
                  config:
                    port: ${PORT}
                    rest: {text: "${PORT}", yes: yes, none: ~, half: 0.5, hex: 0x10, on: true, octal: "007"}
            """, environment: ["PORT": "80"]
        ).modules.load[0].config
        #expect(
            config.json
                == #"{"port":80,"rest":{"text":"80","yes":"yes","none":null,"half":0.5,"hex":16,"on":true,"octal":"007"}}"#
        )
    }

    @Test(arguments: [
        ("${NO}", "the environment variable 'NO' is not set", "set it, or give a default: ${NO:-default}"),
        ("${}", "'${}' does not name an environment variable", nil),
        ("${a b}", "'${a b}' does not name an environment variable", nil),
        ("x ${OPEN", "'${' without its '}'", nil),
        ("${secret:no}", "secret 'no' cannot be read: No such file or directory", nil),
        ("${secret:../etc/passwd}", "'${secret:../etc/passwd}' does not name a secret", nil),
        ("${secret:.hidden}", "'${secret:.hidden}' does not name a secret", nil),
        ("${secret:}", "'${secret:}' does not name a secret", nil),
    ])
    func `refuses what is not defined, at its place`(text: String, message: String, remedy: String?) throws {
        try withSecrets([:]) { folder in
            let found = draft("modules:\n  directory: \"\(text)\"\n", secrets: folder).errors
            #expect(found.map(\.message) == [message])
            #expect(found.first?.code == .undefined)
            #expect(found.first?.location.description == "p.yaml:2:14")
            #expect(found.first?.path == "modules.directory")
            if let remedy { #expect(found.first?.remedy == remedy) }
        }
    }

    @Test func `a secret needs a folder`() {
        #expect(draft("modules: {directory: '${secret:a}'}").errors.map(\.code) == [.undefined])
    }

    @Test func `secrets come from files without their last line break, always as text`() throws {
        try withSecrets(["key": "0123\n", "crlf": "true\r\n", "lines": "a\n\n"]) { folder in
            let config = try valid(
                "modules:\n  load:\n  - name: a\n    config:\n      k: ${secret:key}\n      c: ${secret:crlf}\n      l: '${secret:lines}'\n",
                secrets: folder
            ).modules.load[0].config
            #expect(config.json == #"{"k":"0123","c":"true","l":"a\n"}"#)
        }
    }

    @Test func `no secret is ever printed`() throws {
        try withSecrets(["token": "tok3n-value", "pin": "99", "name": "bad name here"]) { folder in
            let yaml = """
                modules:
                  load:
                    - {name: a, config: {token: "Bearer ${secret:token}", pin: "${secret:pin}", plain: tok3n-value}}
                    - {name: "${secret:name}"}
                limits: {nesting: "${secret:token}", emitDepth: "-${secret:pin}"}
                log: {backend: "${secret:token}"}
                telemetry: {sampleRatio: "${secret:pin}"}
                shutdown: {drain: "${secret:pin}"}
                routes:
                  - {name: b, match: "${secret:token}", to: [{handler: "${secret:token}"}], use: {retry: "${secret:token}"}}
                """
            let draft = draft(yaml, secrets: folder) { text, _ in .init(message: "cannot read \(text)", offset: 2) }
            let effective = EffectiveConfiguration(draft.configuration)
            let printed = ConfigurationErrors(draft.errors).description + effective.yaml + effective.json
            for secret in ["tok3n", "99", "bad name"] { #expect(!printed.contains(secret), "\(secret)") }
            try #require(draft.errors.count == 9)
            #expect(printed.contains("'${secret:token}' is not accepted"))
            #expect(effective.yaml.contains(#"token: "[redacted]"  # p.yaml:3"#))
            // What the module receives is the secret itself.
            #expect(draft.configuration.modules.load[0].config["token"] == .string("Bearer tok3n-value"))
        }
    }

    @Test func `the socket lies in the runtime folder, or else here`() throws {
        let yaml = "sources: [{name: s, type: socket}]"
        #expect(try valid(yaml).socketPath == "./patchbay.sock")
        #expect(
            try valid(yaml, environment: ["XDG_RUNTIME_DIR": "/run/user/1"]).socketPath == "/run/user/1/patchbay.sock")
        #expect(try valid("sources: [{name: s, type: stdin}]").socketPath == nil)
        let long = String(repeating: "x", count: 108)
        #expect(draft("sources: [{name: s, type: socket, path: \(long)}]").errors.map(\.code) == [.outOfRange])
    }
}
