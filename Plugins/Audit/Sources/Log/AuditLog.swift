import HandlerKit
import PatchbaySDK
import Synchronization

/// The chain of lines across files, and its one writer.
final class AuditLog: Sendable {
    /// When lines are forced to disk.
    enum Sync: Equatable, Sendable {
        case always
        /// With the first lines after so many nanoseconds.
        case interval(UInt64)
        case never
    }

    /// A line that is in the log; without file and hash for one that was there before.
    struct Anchor: Equatable, Sendable {
        var file: String
        var number: UInt64
        var hash: String
    }

    /// Lines that a repeated event is looked for in.
    private static let recentMax = 4096
    /// Bytes at the end of the log that recent lines are looked for in.
    private static let tailBytesMax = 4 << 20

    private struct Writer {
        var file: String
        var length: Int
        var last: Anchor
        var syncedAt: UInt64
        /// Number and event of recent lines by key.
        var recent: [String: (number: UInt64, content: String)] = [:]
        var recentKeys: [String] = []

        mutating func remember(_ line: AuditLine) {
            guard !line.key.isEmpty else { return }
            if recent.updateValue((line.number, line.content), forKey: line.key) == nil { recentKeys.append(line.key) }
            if recentKeys.count > 2 * AuditLog.recentMax {
                for key in recentKeys.prefix(AuditLog.recentMax) { recent[key] = nil }
                recentKeys.removeFirst(AuditLog.recentMax)
            }
        }
    }

    private let storage: any AuditStorage
    private let name: String
    private let fileBytes: Int
    private let sync: Sync
    private let now: @Sendable () -> UInt64
    /// nil until the first line, and after a failure: the log is read anew then.
    private let writer = Mutex<Writer?>(nil)

    init(
        _ storage: any AuditStorage, name: String, fileBytes: Int, sync: Sync,
        now: @escaping @Sendable () -> UInt64 = { UnixTime.now }
    ) {
        self.storage = storage
        self.name = name
        self.fileBytes = fileBytes
        self.sync = sync
        self.now = now
    }

    /// Appends entries in their order and returns the line of each. When this throws, some may be in the log. An entry that is in the log already, as a
    /// call that was repeated after a crash makes it, gets the line that it has.
    func append(_ entries: [AuditEntry]) throws(AuditError) -> [Anchor] {
        try writer.withLock { held throws(AuditError) in
            var open: Writer
            if let held { open = held } else { open = try begin() }
            // Whatever fails from here on leaves it to the next call to look what is on disk.
            held = nil
            let anchors = try write(entries, &open)
            held = open
            return anchors
        }
    }

    // MARK: Private

    private func write(_ entries: [AuditEntry], _ open: inout Writer) throws(AuditError) -> [Anchor] {
        var anchors: [Anchor] = []
        var buffer: [UInt8] = []
        for entry in entries {
            let known = open.recent[entry.key]
            if let known, known.content == entry.text {
                anchors.append(Anchor(file: "", number: known.number, hash: ""))
                continue
            }
            var body = "\"event\":\(entry.text),\"key\":\(JSON.string(entry.key))"
            if let known { body += ",\"again\":\(known.number)" }
            let line = try self.line(body, entry.key, entry.text, open)
            if open.length + buffer.count + line.bytes.count > fileBytes, open.length + buffer.count > 0 {
                try flush(&buffer, &open, isLast: true)
                try rotate(&open)
            }
            buffer += line.bytes
            open.last = Anchor(file: open.file, number: line.number, hash: line.hash)
            open.remember(line)
            anchors.append(open.last)
        }
        try flush(&buffer, &open, isLast: false)
        return anchors
    }

    private func line(_ body: String, _ key: String, _ content: String, _ open: Writer) throws(AuditError) -> AuditLine
    {
        try AuditLine(
            body: body, key: key, content: content, after: open.last.hash, number: open.last.number + 1, time: now())
    }

    /// Writes and syncs what is buffered, then moves the head file.
    private func flush(_ buffer: inout [UInt8], _ open: inout Writer, isLast: Bool) throws(AuditError) {
        guard !buffer.isEmpty else { return }
        let time = now()
        let isDue =
            switch sync {
            case .always: true
            case .interval(let interval): isLast || time < open.syncedAt || time - open.syncedAt >= interval
            case .never: false
            }
        do throws(AuditError) {
            try storage.append(buffer, to: open.file)
            if isDue { try storage.sync(open.file) }
        } catch {
            throw takeBack(open, after: error)
        }
        open.length += buffer.count
        buffer = []
        if isDue { open.syncedAt = time }
        // The head says what is on disk, so it follows syncs; without any it follows lines.
        if isDue || sync == .never { try storage.replaceHead(Self.head(open.last), isDurable: isDue) }
    }

    /// Removes what is half written. Where that fails as well, the next call finds it: as a torn line, or as lines that it
    /// knows again.
    private func takeBack(_ open: Writer, after first: AuditError) -> AuditError {
        do throws(AuditError) {
            try storage.truncate(open.file, to: open.length)
            return first
        } catch {
            return AuditError(first.code, "\(first.message); it stays half written: \(error.message)")
        }
    }

    private func rotate(_ open: inout Writer) throws(AuditError) {
        open.file = Self.fileName(name, after: open.file)
        open.length = 0
        try storage.create(open.file)
    }

    /// Reads what is there: the last file is repaired where a crash tore its last line, and what is missing is noted.
    private func begin() throws(AuditError) -> Writer {
        try storage.lock()
        let files = try storage.files()
        guard let file = files.last else {
            let first = Self.fileName(name, after: "")
            try storage.create(first)
            var open = Writer(
                file: first, length: 0, last: Anchor(file: first, number: 0, hash: AuditLine.origin), syncedAt: 0)
            try noteMissing(&open)
            return open
        }
        var torn: [UInt8] = []
        var open = Writer(
            file: file, length: 0, last: Anchor(file: file, number: 0, hash: AuditLine.origin), syncedAt: 0)
        for (part, bytes, length) in try tails(files) {
            let end = bytes.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            if end == 0, length > bytes.count, part == file {
                throw AuditError(.damaged, "\(part) ends in a line of more than \(Self.tailBytesMax) bytes")
            }
            if part == file {
                torn = Array(bytes[end...])
                open.length = length - torn.count
            }
            var lines = bytes[..<end].split(separator: UInt8(ascii: "\n"))
            if length > bytes.count, !lines.isEmpty { lines.removeFirst() }
            for (index, bytes) in lines.enumerated() {
                guard let line = try AuditLine(parsing: bytes) else {
                    // Older lines are the verifier's; the last one is what the chain goes on from.
                    guard part != file || index < lines.count - 1 else {
                        throw AuditError(.damaged, "the last line of \(part) is not what its hash says: run verify")
                    }
                    continue
                }
                open.last = Anchor(file: part, number: line.number, hash: line.hash)
                open.remember(line)
            }
        }
        if !torn.isEmpty {
            try storage.truncate(file, to: open.length)
            let digest = try AuditLine.hash(torn)
            try note(#""notice":{"bytes":\#(torn.count),"kind":"torn","sha256":"\#(digest)"}"#, &open)
        }
        try noteMissing(&open)
        // What an earlier process wrote counts as done from here on.
        if sync != .never { try storage.sync(file) }
        return open
    }

    /// The ends of the last files, in their order, that together have as many bytes as recent lines are looked for in.
    private func tails(_ files: [String]) throws(AuditError) -> [(file: String, bytes: [UInt8], length: Int)] {
        var tails: [(file: String, bytes: [UInt8], length: Int)] = []
        var room = Self.tailBytesMax
        for file in files.reversed() where room > 0 {
            let (bytes, length) = try storage.tail(of: file, bytesMax: room)
            tails.append((file, bytes, length))
            room -= bytes.count
        }
        return tails.reversed()
    }

    /// Notes that the head file knows lines that are not there.
    private func noteMissing(_ open: inout Writer) throws(AuditError) {
        guard let bytes = try storage.head() else { return }
        let head: JSON
        do {
            head = try JSON(parsing: bytes)
        } catch {
            return try note(#""notice":{"kind":"headUnreadable"}"#, &open)
        }
        guard let number = head["seq"]?.integer, number > Int64(clamping: open.last.number) else { return }
        let hash = JSON.string(head["hash"]?.string ?? "")
        try note(#""notice":{"hash":\#(hash),"kind":"missing","last":\#(number)}"#, &open)
    }

    private func note(_ body: String, _ open: inout Writer) throws(AuditError) {
        let line = try self.line(body, "", "", open)
        open.last = Anchor(file: open.file, number: line.number, hash: line.hash)
        var buffer = line.bytes
        try flush(&buffer, &open, isLast: true)
    }

    private static func head(_ anchor: Anchor) -> [UInt8] {
        let json: JSON = [
            "file": .string(anchor.file), "seq": .integer(Int64(clamping: anchor.number)), "hash": .string(anchor.hash),
        ]
        return Array("\(json)\n".utf8)
    }

    private static func fileName(_ name: String, after file: String) -> String {
        let number = Int(file.dropFirst(name.count + 1).dropLast(".jsonl".count)) ?? 0
        let digits = String(number + 1)
        return "\(name)-\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits).jsonl"
    }
}
