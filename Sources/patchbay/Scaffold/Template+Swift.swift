extension Template {
    /// The project of a handler in Swift over the SDK's package.
    func swiftFiles(sdk: Scaffold.SDK) -> [Scaffold.File] {
        [
            (path: "Package.swift", contents: swiftPackage(sdk)),
            (path: "Sources/\(symbol)/manifest.json", contents: swiftManifest),
            (path: "Sources/\(symbol)/Greet.swift", contents: swiftHandler),
            (path: "Tests/\(symbol)Tests/GreetTests.swift", contents: swiftTests),
            (path: "Makefile", contents: swiftMakefile),
            (path: "README.md", contents: swiftReadme),
        ]
    }

    private func quoted(_ text: String) -> String {
        "\"" + text.map { $0 == "\\" || $0 == "\"" ? "\\\($0)" : String($0) }.joined() + "\""
    }

    private func swiftPackage(_ sdk: Scaffold.SDK) -> String {
        let package = quoted(sdk.identity)
        let dependency =
            switch sdk {
            case .path(let path): "path: \(quoted(path))"
            case .url(let url): "url: \(quoted(url)), branch: \"main\""
            }
        return """
            // swift-tools-version: 6.2
            import PackageDescription

            let package = Package(
                name: "\(name)",
                products: [.library(name: "\(name)", type: .dynamic, targets: ["\(symbol)"])],
                dependencies: [.package(\(dependency))],
                targets: [
                    .target(
                        name: "\(symbol)",
                        dependencies: [.product(name: "PatchbaySDK", package: \(package))],
                        plugins: [.plugin(name: "PatchbayModule", package: \(package))]),
                    .testTarget(
                        name: "\(symbol)Tests",
                        dependencies: ["\(symbol)", .product(name: "PatchbaySDKTesting", package: \(package))]),
                ]
            )

            """
    }

    private var swiftManifest: String {
        """
        {
          "name": "\(name)",
          "version": "0.1.0",
          "handlers": [
            {
              "id": "greet",
              "description": "Greets the person in an event.",
              "accepts": ["com.example.greeting.*"],
              "blocking": false,
              "config": {
                "type": "object",
                "properties": {"greeting": {"type": "string"}},
                "additionalProperties": false
              }
            }
          ]
        }

        """
    }

    private var swiftHandler: String {
        #"""
        import PatchbaySDK

        struct Person: Decodable {
            var name: String
        }

        struct Greet: Handler {
            struct Configuration: Decodable {
                var greeting: String?
            }

            let greeting: String

            init(configuration: Configuration, host: Host) {
                greeting = configuration.greeting ?? "hello"
            }

            func handle(_ event: borrowing EventView, _ call: Call) throws -> Outcome {
                let person = try event.decode(Person.self)
                call.log(.info, "\(greeting) \(person.name)")
                return .done
            }
        }

        """#
    }

    private var swiftTests: String {
        """
        import PatchbaySDKTesting
        import Testing

        @testable import \(symbol)

        @Test func `greets the person in an event`() async throws {
            let host = try TestHost(Greet.self, configuration: ["greeting": "good morning"])
            let event = TestEvent(type: "com.example.greeting.sent", json: ["name": "Ada"])
            let report = try #require(await host.send(event))
            #expect(report.outcome == .done)
            #expect(host.logs.map(\\.message) == ["good morning Ada"])
        }

        @Test func `rejects an event without a name`() async throws {
            let host = try TestHost(Greet.self)
            let report = try #require(await host.send(TestEvent(type: "com.example.greeting.sent", json: [:])))
            #expect(report.outcome == .fail)
            #expect(report.reason == "invalid: a required member is missing at name")
        }

        """
    }

    private var swiftMakefile: String {
        """
        PATCHBAY ?= \(command)
        MODULE = plugins/\(name).so

        all: test run

        # Replaced by renaming: a host that has the old file open keeps it.
        build:
        \tswift build -c release --product \(name)
        \tmkdir -p plugins
        \tcp .build/release/lib\(name).so plugins/.\(name).new
        \tmv plugins/.\(name).new $(MODULE)

        test:
        \tswift test

        run: build
        \t$(PATCHBAY) run -c patchbay.yaml --once --trace console

        clean:
        \trm -rf .build plugins

        .PHONY: all build test run clean

        """
    }

    private var swiftReadme: String {
        """
        # \(name)

        A Patchbay handler in Swift.

        - `Sources/\(symbol)/manifest.json` declares the module and its handlers: a handler `greet` is the type `Greet`,
          or the one that its `"type"` names. The `PatchbayModule` plugin makes the module's entry from it.
        - `Sources/\(symbol)/Greet.swift` is the handler, `Tests` tests it without the runtime, `patchbay.yaml` routes
          events to it.
        \(running)
        """
    }
}
