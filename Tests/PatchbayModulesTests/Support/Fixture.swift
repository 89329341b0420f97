import Foundation
import Synchronization

/// Builds the modules under `Fixtures`, each once a run, into a folder that goes with the run.
enum Fixture {
    struct BuildFailure: Error, CustomStringConvertible {
        let description: String
    }

    private static let built = Mutex<[String: String]>([:])

    static let folder: String = {
        let folder = NSTemporaryDirectory() + "patchbay-fixtures-\(getpid())"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            preconditionFailure("\(error)")
        }
        atexit { Fixture.removeFolder() }
        return folder
    }()

    static var testsFolder: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    }

    static var include: String {
        testsFolder.deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("sdk/c/include").path
    }

    /// The shared library made of `name.c` or `name.cpp`.
    static func module(_ name: String, as file: String? = nil, flags: [String] = []) throws -> String {
        let target = "\(folder)/\(file ?? name).so"
        return try built.withLock { built in
            if let path = built[target] { return path }
            let sources = testsFolder.appendingPathComponent("Fixtures")
            let isCPlusPlus = FileManager.default.fileExists(atPath: sources.appendingPathComponent("\(name).cpp").path)
            let source = sources.appendingPathComponent(name + (isCPlusPlus ? ".cpp" : ".c")).path
            try compile(
                isCPlusPlus ? "c++" : "cc",
                ["-shared", "-fPIC", "-O1", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-I\(include)"]
                    + [source, "-o", target] + flags)
            built[target] = target
            return target
        }
    }

    /// An empty folder of its own below `folder`.
    static func emptyFolder() throws -> String {
        let path = "\(folder)/\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }

    static func compile(_ compiler: String, _ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [compiler] + arguments
        let output = Pipe()
        process.standardError = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw BuildFailure(description: String(decoding: text, as: UTF8.self))
        }
    }

    /// What cannot be removed stays in the temporary folder; a test run has nobody to tell.
    private static func removeFolder() {
        _ = Result { try FileManager.default.removeItem(atPath: folder) }
    }
}
