import Foundation
import Testing

@testable import patchbay

/// What a C author does: one compiler command, `make`, and a look at what came out.
@Suite struct ToolchainTests {
    /// Runs a program in a folder and gives its exit code and all that it printed.
    private func run(_ arguments: [String], in folder: URL) throws -> (Int32, String) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        process.currentDirectoryURL = folder
        // As in a shell of its own, even where `make test` started the tests.
        process.environment = ProcessInfo.processInfo.environment.filter {
            !["MAKEFLAGS", "MAKELEVEL", "MFLAGS"].contains($0.key)
        }
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    private func withProject(_ name: String, _ body: (URL) throws -> Void) throws {
        let folder = URL.temporaryDirectory.appending(path: "patchbay-\(UUID().uuidString)")
        defer { _ = Result { try FileManager.default.removeItem(at: folder) } }
        for file in try Scaffold.files(name: name, language: .c) {
            let place = folder.appending(path: file.path)
            try FileManager.default.createDirectory(
                at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(file.contents.utf8).write(to: place)
        }
        try body(folder)
    }

    @Test func `builds and tests a new C project with make, without a warning`() throws {
        try withProject("say-hello") { folder in
            let (status, output) = try run(
                ["make", "build", "test", "CFLAGS=-std=c11 -Wall -Wextra -pedantic -Werror"], in: folder)
            #expect(status == 0, "\(output)")
            #expect(output.hasSuffix("all passed\n"), "\(output)")
        }
    }

    @Test func `tests asynchronous, configured and stateful C handlers without the runtime`() throws {
        try withProject("billing") { folder in
            try Data(CFixtures.module.utf8).write(to: folder.appending(path: "module.c"))
            try Data(CFixtures.test.utf8).write(to: folder.appending(path: "test.c"))
            let flags = ["-std=c11", "-Wall", "-Wextra", "-pedantic", "-Werror", "-Iinclude", "-pthread"]
            let (status, output) = try run(["cc"] + flags + ["module.c", "test.c", "-o", "tests"], in: folder)
            #expect(status == 0, "\(output)")
            #expect(try run(["./tests"], in: folder) == (0, "all passed\n"))
        }
    }

    @Test(arguments: ["cc -std=c11", "c++ -x c++ -std=c++17"])
    func `compiles a handler with one command into a module with one symbol`(compiler: String) throws {
        try withProject("greeter") { folder in
            let command = compiler.split(separator: " ").map(String.init)
            let flags = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-shared", "-fPIC", "-Iinclude"]
            let (status, output) = try run(command + flags + ["handler.c", "-o", "handler.so"], in: folder)
            #expect(status == 0, "\(output)")
            let (_, symbols) = try run(["nm", "-D", "--defined-only", "handler.so"], in: folder)
            let names = symbols.split(separator: "\n").compactMap { $0.split(separator: " ").last }
            #expect(names == ["patchbay_module_v1"])
        }
    }
}
