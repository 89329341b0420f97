import Foundation
import PatchbaySDK
import PatchbaySDKTesting
import Synchronization

@testable import Audit

/// A disk in memory: what is not synced is lost when the power fails, and the nth operation fails as it is told.
final class MemoryDisk: AuditStorage {
    struct State {
        var files: [String: [UInt8]] = [:]
        var durable: [String: [UInt8]] = [:]
        var head: [UInt8]?
        var durableHead: [UInt8]?
        var operations = 0
        /// These fail, counted from 1; an append writes half of its bytes first.
        var failing: Set<Int> = []
    }

    let state = Mutex(State())

    /// What a power failure leaves: what was synced, and of what was not as many bytes as `torn` says.
    func failPower(keeping torn: Int) {
        state.withLock { state in
            for (file, bytes) in state.files {
                let durable = state.durable[file]?.count ?? 0
                state.files[file] = Array(bytes.prefix(max(durable, min(bytes.count, durable + torn))))
            }
            state.durable = state.files
            state.head = state.durableHead
        }
    }

    var content: [UInt8] { state.withLock { state in state.files.sorted { $0.key < $1.key }.flatMap(\.value) } }

    private func operate<R>(_ body: (inout State, Bool) throws(AuditError) -> R) throws(AuditError) -> R {
        try state.withLock { state throws(AuditError) in
            state.operations += 1
            return try body(&state, state.failing.contains(state.operations))
        }
    }

    private static let failure = AuditError(.io, "the disk fails")

    func lock() throws(AuditError) {}

    func files() throws(AuditError) -> [String] {
        try operate { state, fails throws(AuditError) in
            if fails { throw Self.failure }
            return state.files.keys.sorted()
        }
    }

    func tail(of file: String, bytesMax: Int) throws(AuditError) -> (bytes: [UInt8], length: Int) {
        try operate { state, fails throws(AuditError) in
            if fails { throw Self.failure }
            let bytes = state.files[file] ?? []
            return (Array(bytes.suffix(bytesMax)), bytes.count)
        }
    }

    func create(_ file: String) throws(AuditError) {
        try operate { state, fails throws(AuditError) in
            if fails || state.files[file] != nil { throw Self.failure }
            state.files[file] = []
            state.durable[file] = []
        }
    }

    func append(_ bytes: [UInt8], to file: String) throws(AuditError) {
        try operate { state, fails throws(AuditError) in
            state.files[file, default: []] += fails ? Array(bytes.prefix(bytes.count / 2)) : bytes
            if fails { throw Self.failure }
        }
    }

    func truncate(_ file: String, to length: Int) throws(AuditError) {
        try operate { state, fails throws(AuditError) in
            if fails { throw Self.failure }
            state.files[file] = state.files[file].map { Array($0.prefix(length)) }
            if let durable = state.durable[file], durable.count > length {
                state.durable[file] = Array(durable.prefix(length))
            }
        }
    }

    func sync(_ file: String) throws(AuditError) {
        try operate { state, fails throws(AuditError) in
            if fails { throw Self.failure }
            state.durable[file] = state.files[file]
        }
    }

    func head() throws(AuditError) -> [UInt8]? {
        try operate { state, fails throws(AuditError) in
            if fails { throw Self.failure }
            return state.head
        }
    }

    func replaceHead(_ bytes: [UInt8], isDurable: Bool) throws(AuditError) {
        try operate { state, fails throws(AuditError) in
            if fails { throw Self.failure }
            state.head = bytes
            if isDurable { state.durableHead = bytes }
        }
    }
}

/// The lines of a log, checked as a chain. Nil: it is broken.
func chain(_ bytes: [UInt8]) throws -> [AuditLine]? {
    var lines: [AuditLine] = []
    guard bytes.isEmpty || bytes.last == UInt8(ascii: "\n") else { return nil }
    for text in bytes.split(separator: UInt8(ascii: "\n")) {
        guard let line = try AuditLine(parsing: text) else { return nil }
        let json = try JSON(parsing: Array(text))
        guard line.number == UInt64(lines.count + 1), json["prev"]?.string == lines.last?.hash ?? AuditLine.origin
        else { return nil }
        lines.append(line)
    }
    return lines
}

func entry(_ number: Int, text: String = "x") -> AuditEntry {
    var event = TestEvent(type: "com.example.paid", json: ["n": .integer(Int64(number)), "text": .string(text)])
    event.id = "\(number)"
    event.idempotencyKey = "audit.append /shop \(number)"
    return AuditEntry(event)
}

extension AuditEntry {
    init(_ event: TestEvent) {
        self.init(
            key: event.idempotencyKey,
            text: "{\"data\":\(String(decoding: event.data, as: UTF8.self)),\"id\":\"\(event.id)\"}")
    }
}

/// A folder that is gone when the test is over.
final class TemporaryFolder {
    let path = FileManager.default.temporaryDirectory.appending(path: "audit-\(UUID().uuidString)").path

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            // It was never made.
        }
    }

    /// What `verify` says, and its exit status.
    func verify(_ arguments: String...) throws -> (text: String, status: Int32) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "verify")
        process.arguments = [path] + arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (String(decoding: text, as: UTF8.self), process.terminationStatus)
    }

    func read(_ file: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(file)"))) }

    func write(_ bytes: [UInt8], _ file: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(file)"))
    }

    func remove(_ file: String) throws { try FileManager.default.removeItem(atPath: "\(path)/\(file)") }
}
