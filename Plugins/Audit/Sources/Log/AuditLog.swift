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

    /// A line that is in the log.
    struct Anchor: Equatable, Sendable {
        var file: String
        var number: UInt64
        var hash: String
    }

    /// Lines that a repeated event is looked for in.
    private static let recentMax = 4096

    private struct Writer {
        var file: String
        var length: Int
        var last: Anchor
        var syncedAt: UInt64 = 0
        /// Whether lines were written since the last sync.
        var isUnsynced = false
        /// Recent lines and their events by key.
        var recent: [String: (anchor: Anchor, content: String)] = [:]
        var recentKeys: [String] = []

        /// Takes a line as the last one.
        mutating func take(_ line: AuditLine, in file: String) {
            last = Anchor(file: file, number: line.number, hash: line.hash)
            guard !line.key.isEmpty else { return }
            if recent.updateValue((last, line.content), forKey: line.key) == nil { recentKeys.append(line.key) }
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
    /// Bytes at the end of the log that recent lines are looked for in.
    private let tailBytesMax: Int
    private let now: @Sendable () -> UInt64
    /// nil until the first line, and after a failure: the log is read anew then.
    private let writer = Mutex<Writer?>(nil)

    init(
        _ storage: any AuditStorage, name: String, fileBytes: Int, sync: Sync, tailBytesMax: Int = 4 << 20,
        now: @escaping @Sendable () -> UInt64 = { UnixTime.now }
    ) {
        self.storage = storage
        self.name = name
        self.fileBytes = fileBytes
        self.sync = sync
        self.tailBytesMax = tailBytesMax
        self.now = now
    }

    deinit {
        do {
            try finishInterval()
        } catch {
            // Nobody is left to be told, and nothing is lost by it alone: the lines are with the system, which writes
            // them in its own time, and whoever opens the log next syncs it.
        }
    }

    /// Appends entries in their order and returns the line of each. When this throws, some may be in the log. An entry
    /// that is in the log already, as a call that was repeated after a crash makes it, gets the line that it has.
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

    private func finishInterval() throws(AuditError) {
        try writer.withLock { held throws(AuditError) in
            guard var open = held, open.isUnsynced, sync != .never else { return }
            held = nil
            var nothing: [UInt8] = []
            try flush(&nothing, &open, isLast: true)
            held = open
        }
    }

    private func write(_ entries: [AuditEntry], _ open: inout Writer) throws(AuditError) -> [Anchor] {
        var anchors: [Anchor] = []
        var buffer: [UInt8] = []
        for entry in entries {
            let known = open.recent[entry.key]
            if let known, known.content == entry.text {
                anchors.append(known.anchor)
                continue
            }
            var body = "\"event\":\(entry.text),\"key\":\(JSON.string(entry.key))"
            if let known { body += ",\"again\":\(known.anchor.number)" }
            let line = try self.line(body, entry.key, entry.text, open)
            if open.length + buffer.count + line.bytes.count > fileBytes, open.length + buffer.count > 0 {
                try flush(&buffer, &open, isLast: true)
                try rotate(&open)
            }
            buffer += line.bytes
            open.take(line, in: open.file)
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

    /// Writes what is buffered; syncs it, and what was written before, where that is due; then moves the head file.
    /// `isLast`: nothing more comes into this file, or for a while.
    private func flush(_ buffer: inout [UInt8], _ open: inout Writer, isLast: Bool) throws(AuditError) {
        let time = now()
        let isDue =
            switch sync {
            case .always: true
            case .interval(let interval): isLast || time < open.syncedAt || time - open.syncedAt >= interval
            case .never: false
            }
        guard !buffer.isEmpty || isDue && open.isUnsynced else { return }
        do throws(AuditError) {
            if !buffer.isEmpty { try storage.append(buffer, to: open.file) }
            if isDue { try storage.sync(open.file) }
        } catch {
            throw takeBack(open, after: error)
        }
        open.length += buffer.count
        buffer = []
        open.isUnsynced = !isDue
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

    /// Reads what is there: the last file is repaired where a crash tore its last line, and what the head file has to
    /// say against it is noted.
    private func begin() throws(AuditError) -> Writer {
        try storage.lock()
        let files = try storage.files()
        let tail = try AuditTail(of: files, in: storage, bytesMax: tailBytesMax)
        // Before anything is written: notes move the head file.
        let objection = try objection(to: tail, of: files)
        let file = files.last ?? Self.fileName(name, after: "")
        var open = Writer(
            file: file, length: tail.length, last: Anchor(file: file, number: 0, hash: AuditLine.origin))
        for (file, line) in tail.lines { open.take(line, in: file) }
        if files.isEmpty { try storage.create(file) }
        var notices: [String] = []
        if !tail.torn.isEmpty {
            try storage.truncate(file, to: tail.length)
            let digest = try AuditLine.hash(tail.torn)
            notices.append(#"{"bytes":\#(tail.torn.count),"kind":"torn","sha256":"\#(digest)"}"#)
        }
        if let objection { notices.append(objection) }
        try note(notices, &open)
        // What an earlier process wrote counts as done from here on.
        if sync != .never, !files.isEmpty { try storage.sync(file) }
        return open
    }

    /// What the head file knows otherwise, as a notice; nil: nothing. A log that has no lines yet gets a head file
    /// before its first one, so that one without has lost it.
    private func objection(to tail: AuditTail, of files: [String]) throws(AuditError) -> String? {
        guard let bytes = try storage.head() else {
            guard tail.lines.isEmpty else { return #"{"kind":"headMissing"}"# }
            let none = Anchor(file: files.last ?? "", number: 0, hash: AuditLine.origin)
            try storage.replaceHead(Self.head(none), isDurable: true)
            return nil
        }
        guard let (number, hash) = Self.known(bytes) else { return #"{"kind":"headUnreadable"}"# }
        let text = JSON.string(hash)
        if number > tail.lines.last?.line.number ?? 0 {
            return #"{"hash":\#(text),"kind":"missing","last":\#(number)}"#
        }
        guard number > 0, try self.hash(of: number, tail, files) != hash else { return nil }
        return #"{"hash":\#(text),"kind":"rewritten","seq":\#(number)}"#
    }

    /// The hash of a line; nil: it is not there, or not what its hash says.
    private func hash(of number: UInt64, _ tail: AuditTail, _ files: [String]) throws(AuditError) -> String? {
        var tail = tail
        var bytesMax = tailBytesMax
        // As after a crash, when much was written since the last sync.
        while number < tail.lines.first?.line.number ?? 0, !tail.isWhole {
            bytesMax *= 8
            tail = try AuditTail(of: files, in: storage, bytesMax: bytesMax)
        }
        return tail.lines.last { $0.line.number == number }?.line.hash
    }

    /// Number and hash in a head file; nil: it is none.
    private static func known(_ head: [UInt8]) -> (number: UInt64, hash: String)? {
        let json: JSON
        do {
            json = try JSON(parsing: head)
        } catch {
            return nil
        }
        guard let number = json["seq"]?.integer, number >= 0, let hash = json["hash"]?.string else { return nil }
        return (UInt64(number), hash)
    }

    /// Writes lines that say what was found. Together, or a crash in between could keep the head file's word from being
    /// noted.
    private func note(_ notices: [String], _ open: inout Writer) throws(AuditError) {
        var buffer: [UInt8] = []
        for notice in notices {
            let line = try self.line("\"notice\":\(notice)", "", "", open)
            open.take(line, in: open.file)
            buffer += line.bytes
        }
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
