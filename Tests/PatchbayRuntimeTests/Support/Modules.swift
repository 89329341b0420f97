import Foundation
import Synchronization

/// Builds the C modules of `ModuleSource`, each once a run, into a folder that goes with the run.
enum Modules {
    private static let built = Mutex<Set<String>>([])

    static let folder: String = {
        let folder = NSTemporaryDirectory() + "patchbay-runs-\(getpid())"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            preconditionFailure("\(error)")
        }
        atexit { Modules.removeFolder() }
        return folder
    }()

    /// The shared library made of `ModuleSource.all[name]`.
    static func library(_ name: String) throws -> String {
        let target = "\(folder)/\(name).so"
        return try built.withLock { built in
            if built.contains(name) { return target }
            let source = "\(folder)/\(name).c"
            try (ModuleSource.all[name] ?? "").write(toFile: source, atomically: true, encoding: .utf8)
            try compile([
                "-shared", "-fPIC", "-O1", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-pthread",
                "-I\(include)", source, "-o", target,
            ])
            built.insert(name)
            return target
        }
    }

    static var include: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("sdk/c/include").path
    }

    /// Runs `cc`.
    static func compile(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["cc"] + arguments
        let output = Pipe()
        process.standardError = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw BenchError(String(decoding: text, as: UTF8.self)) }
    }

    /// What cannot be removed stays in the temporary folder; a test run has nobody to tell.
    private static func removeFolder() {
        _ = Result { try FileManager.default.removeItem(atPath: folder) }
    }
}
