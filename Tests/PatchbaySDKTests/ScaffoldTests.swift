import PatchbaySDK
import Testing

@testable import patchbay

@Suite struct ScaffoldTests {
    @Test func `renders a C project that carries its headers`() throws {
        let files = try Scaffold.files(name: "charge-card", language: .c)
        #expect(
            files.map(\.path) == [
                ".gitignore", "Makefile", "README.md", "events.jsonl", "handler.c", "include/patchbay.h",
                "include/patchbay/draft/stream.h", "include/patchbay/emit.h", "include/patchbay/handler.h",
                "include/patchbay/http.h", "include/patchbay/json.h", "include/patchbay/mail.h",
                "include/patchbay/state.h", "include/patchbay/test.h", "include/patchbay/test_host.h",
                "include/patchbay/test_network.h", "include/patchbay/test_stream.h", "include/patchbay/timer.h",
                "patchbay.yaml", "test.c",
            ])
        let configuration = try #require(files.first { $0.path == "patchbay.yaml" })
        #expect(configuration.contents.contains("handler: charge-card.greet"))
    }

    @Test func `renders a C++ project that carries its headers and a list of its symbols`() throws {
        let paths = try Scaffold.files(name: "charge-card", language: .cpp).map(\.path)
        #expect(
            paths.filter { !$0.hasPrefix("include/patchbay") || $0.hasSuffix("hpp") } == [
                ".gitignore", "Makefile", "README.md", "events.jsonl", "handler.cpp", "include/patchbay.hpp",
                "include/patchbay/call.hpp", "include/patchbay/event.hpp", "include/patchbay/host.hpp",
                "include/patchbay/network.hpp", "include/patchbay/outcome.hpp", "include/patchbay/stream.hpp",
                "include/patchbay_test.hpp", "patchbay-module.map", "patchbay.yaml", "test.cpp",
            ])
        #expect(paths.contains("include/patchbay/emit.h"))
    }

    @Test func `renders a Rust project that names the SDK's crate`() throws {
        let files = try Scaffold.files(name: "charge-card", language: .rust, sdk: .path("../here/sdk/rust"))
        #expect(
            files.map(\.path) == [
                ".gitignore", "Cargo.toml", "Makefile", "README.md", "events.jsonl", "patchbay.yaml", "src/lib.rs",
            ])
        #expect(files[1].contents.contains(#"patchbay = { path = "../here/sdk/rust" }"#))
        #expect(files[2].contents.contains("libcharge_card.so"))
        let byURL = try Scaffold.files(name: "a", language: .rust, sdk: .url("https://x.example/p.git"))
        #expect(byURL[1].contents.contains(#"patchbay = { git = "https://x.example/p.git", branch = "main" }"#))
    }

    @Test func `renders a Swift project that names the SDK's folder as its package`() throws {
        let files = try Scaffold.files(name: "charge-card", language: .swift, sdk: .path("../here/sdk/patchbay"))
        #expect(
            files.map(\.path) == [
                ".gitignore", "Makefile", "Package.swift", "README.md", "Sources/ChargeCard/Greet.swift",
                "Sources/ChargeCard/manifest.json", "Tests/ChargeCardTests/GreetTests.swift", "events.jsonl",
                "patchbay.yaml",
            ])
        let package = try #require(files.first { $0.path == "Package.swift" }).contents
        #expect(package.contains(#".package(path: "../here/sdk/patchbay")"#))
        #expect(package.contains(#".product(name: "PatchbaySDK", package: "patchbay")"#))
        let manifest = try JSON(parsing: #require(files.first { $0.path.hasSuffix("manifest.json") }).contents)
        #expect(manifest["name"] == "charge-card")
    }

    @Test(arguments: [
        ("https://git.example.com/us/Patchbay.git", "patchbay"), ("file:///srv/patchbay", "patchbay"),
        ("git@git.example.com:pb.git", "pb"),
    ])
    func `renders a Swift project that names the repository, as SwiftPM calls it`(url: String, name: String) throws {
        let files = try Scaffold.files(name: "mailer", language: .swift, sdk: .url(url))
        let package = try #require(files.first { $0.path == "Package.swift" }).contents
        #expect(package.contains(".package(url: \"\(url)\", branch: \"main\")"))
        #expect(package.contains(".product(name: \"PatchbaySDK\", package: \"\(name)\")"))
    }

    @Test func `sends events that are JSON, one a line`() throws {
        let files = try Scaffold.files(name: "greeter", language: .c)
        let lines = try #require(files.first { $0.path == "events.jsonl" }).contents.split(separator: "\n")
        #expect(lines.count == 3)
        for line in lines { #expect(try JSON(parsing: String(line))["type"] == "com.example.greeting.sent") }
    }

    @Test(arguments: ["", "Charge", "1st", "-a", "a b", "a.b", "é", String(repeating: "a", count: 64), "a/../b"])
    func `refuses a name that cannot name a module`(name: String) {
        let error = #expect(throws: ScaffoldError.self) { try Scaffold.files(name: name, language: .c) }
        #expect(error?.code == .invalidName)
        #expect(error?.message.contains("a letter first") == true)
    }

    @Test(arguments: ["builtin", "swift", "patchbay-sdk", "testing"])
    func `refuses a name that is taken`(name: String) {
        #expect(throws: ScaffoldError(code: .reservedName, name: name)) {
            try Scaffold.files(name: name, language: .swift, sdk: .path("x"))
        }
    }

    @Test func `asks for the SDK's folder when Swift needs one`() {
        #expect(throws: ScaffoldError(code: .missingSDK, name: "greeter")) {
            try Scaffold.files(name: "greeter", language: .swift)
        }
    }
}
