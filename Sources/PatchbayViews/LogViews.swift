import CPatchbaySystem
import Foundation
import GRDB
package import PatchbayEvents
import PatchbayLog

/// Why there is no view.
package struct ViewError: Error, Sendable, CustomStringConvertible {
    package enum Code: Sendable {
        /// The data folder has no log.
        case noLog
        /// The log is damaged or the disk failed.
        case unreadable
        /// The statement is wrong, or changes something.
        case sql
    }

    package let code: Code
    package let description: String
}

/// A data folder's dead letters, deliveries and state as tables of SQLite: `views.sqlite` in the folder.
///
/// Derived from the log and nothing else: what was written since is folded in when it is asked for, and the file can be
/// thrown away. Takes no lock of the log, so a host may have the folder. One thread.
package final class LogViews {
    /// How far a refresh is, in frames.
    package struct Progress: Sendable {
        package var read: UInt64
        package var all: UInt64
    }

    package static let fileName = "views.sqlite"
    /// Frames in one transaction.
    private static let framesMax = 4_096

    private let folder: String
    private let queue: DatabaseQueue

    package init(folder: String) throws(ViewError) {
        self.folder = folder
        guard FileManager.default.fileExists(atPath: "\(folder)/log") else {
            throw ViewError(
                code: .noLog, description: "there is no log in \(folder): a run with `log: {backend: file}` writes one")
        }
        do {
            // No wider than the log beside it.
            let file = open("\(folder)/\(Self.fileName)", O_CREAT | O_RDWR | O_CLOEXEC, 0o640)
            if file >= 0 { close(file) }
            var configuration = Configuration()
            // With a journal like this SQLite does not wait for the disk at each commit: what a power cut takes is folded
            // in again.
            configuration.journalMode = .wal
            configuration.busyMode = .timeout(30)
            queue = try DatabaseQueue(path: "\(folder)/\(Self.fileName)", configuration: configuration)
        } catch {
            throw ViewError(code: .unreadable, description: "\(folder)/\(Self.fileName): \(error)")
        }
    }

    /// Folds in what was written since the last time, or everything when `rebuilding` or when the log is not what it was.
    package func refresh(rebuilding: Bool = false, progress: (Progress) -> Void = { _ in }) throws(ViewError) {
        do {
            let reader = try LogReader.open(FileStorage("\(folder)/log"))
            var start = try (rebuilding ? nil : place(in: reader)) ?? begin(reader)
            // Another process may fold at the same time: then on from where that one is.
            while try !take(reader, start, progress) { start = try place(in: reader) ?? begin(reader) }
            try forget(reader)
        } catch {
            throw ViewError(code: .unreadable, description: "\(error)")
        }
    }

    /// Folds the rest of the log in, some frames a transaction. False when somebody else has been at it meanwhile.
    private func take(_ reader: LogReader, _ start: Start, _ progress: (Progress) -> Void) throws -> Bool {
        var (fold, last) = (start.fold, start.last)
        let (first, end) = (start.first, reader.sequences.upperBound)
        var cursor = reader.frames(fromSequence: first)
        while cursor.sequence < end {
            let isOurs = try queue.write { database in
                guard try Self.sequence(database) == last else { return false }
                var frame: LogFrame?
                for _ in 0..<Self.framesMax {
                    guard let next = try cursor.next() else { break }
                    try fold.take(next, database)
                    frame = next
                }
                try fold.flush(database)
                if let frame { last = try Self.save(frame, fold.names, database) }
                return true
            }
            guard isOurs else { return false }
            progress(Progress(read: cursor.sequence - first, all: end - first))
        }
        return true
    }

    /// The last frame that is in the tables; 0 before the first.
    private static func sequence(_ database: Database) throws -> UInt64 {
        try Int64.fetchOne(database, sql: "SELECT sequence FROM patchbay_fold").map { UInt64(clamping: $0) } ?? 0
    }

    /// Takes out what the log has dropped, and keys that have expired.
    private func forget(_ reader: LogReader) throws {
        let position = Int64(clamping: reader.positions.lowerBound)
        let sequence = Int64(clamping: reader.sequences.lowerBound)
        let segment = try reader.segments.first?.number ?? 0
        try queue.write { database in
            try database.execute(sql: "DELETE FROM deliveries WHERE position < ?", arguments: [position])
            try database.execute(sql: "DELETE FROM dead_letters WHERE sequence < ?", arguments: [sequence])
            try database.execute(sql: "DELETE FROM patchbay_outcomes WHERE segment < ?", arguments: [Int64(segment)])
            try database.execute(
                sql: "DELETE FROM state WHERE expires_at < ?", arguments: [UnixTime.text(pbs_unix_now())])
        }
    }

    /// Where folding goes on.
    private struct Start {
        var fold: ViewFold
        /// The frame that is next.
        var first: UInt64
        /// The last one that is in the tables; 0 is none.
        var last: UInt64
    }

    /// Where the last refresh ended; `nil` when it has to begin anew.
    private func place(in reader: LogReader) throws -> Start? {
        try queue.read { database in
            guard try Int.fetchOne(database, sql: "PRAGMA user_version") == ViewSchema.version,
                let row = try Row.fetchOne(database, sql: "SELECT sequence, checksum FROM patchbay_fold")
            else { return nil }
            guard let sequence = UInt64(exactly: row["sequence"] as Int64),
                let checksum = UInt32(exactly: row["checksum"] as Int64)
            else { return nil }

            // A log that was put back from a copy, or lost its tail, has another frame there, or none.
            guard reader.sequences.contains(sequence), let location = try reader.location(ofSequence: sequence),
                try reader.read(location).view.header.checksum == checksum
            else { return nil }
            var names = NameTable()
            for row in try Row.fetchAll(database, sql: "SELECT kind, number, name FROM patchbay_names ORDER BY 1, 2") {
                guard let kind = NameRecord.Kind(rawValue: row["kind"]) else { return nil }
                try names.add(NameRecord(kind, row["number"], row["name"]))
            }
            return Start(
                fold: ViewFold(reader, names: names, stateKnownThrough: 0), first: sequence + 1, last: sequence)
        }
    }

    /// Makes the tables anew. What the log's dropped segments said of state and names is in its checkpoint; what is
    /// pending or kept is in segments that are there.
    private func begin(_ reader: LogReader) throws -> Start {
        let checkpoint = try checkpoint()
        try queue.erase()
        try queue.write { database in
            try database.execute(sql: ViewSchema.sql + ViewSchema.internals)
            try database.execute(sql: "PRAGMA user_version = \(ViewSchema.version)")
            for record in try checkpoint?.state ?? [] { try ViewFold.take(record, database) }
        }
        let fold = ViewFold(
            reader, names: checkpoint?.ledger.names ?? NameTable(), stateKnownThrough: checkpoint?.sequence ?? 0)
        return Start(fold: fold, first: reader.sequences.lowerBound, last: 0)
    }

    private func checkpoint() throws -> Checkpoint? {
        guard FileManager.default.fileExists(atPath: "\(folder)/checkpoint") else { return nil }
        var checkpoints = CheckpointStore(try FileStorage("\(folder)/checkpoint"))
        return try checkpoints.load().checkpoint
    }

    private static func save(_ frame: LogFrame, _ names: NameTable, _ database: Database) throws -> UInt64 {
        let header = frame.view.header
        try database.execute(sql: "DELETE FROM patchbay_fold")
        try database.execute(
            sql: "INSERT INTO patchbay_fold VALUES(?, ?)",
            arguments: [Int64(clamping: header.sequence), Int64(header.checksum)])
        for kind in [NameRecord.Kind.route, .handler, .configuration] {
            let all = names.names(kind)
            let known =
                try Int.fetchOne(
                    database, sql: "SELECT count(*) FROM patchbay_names WHERE kind = ?", arguments: [kind.rawValue])
                ?? 0
            for number in known..<max(known, all.count) {
                try database.execute(
                    sql: "INSERT INTO patchbay_names VALUES(?, ?, ?)", arguments: [kind.rawValue, number, all[number]])
            }
        }
        return header.sequence
    }

    // MARK: Asking

    /// Runs a statement that only reads, row by row: names of the columns, and values. Blobs come as texts when they are
    /// UTF-8, else as bytes. `body` says whether it wants more.
    package func query(_ sql: String, _ body: ([String], [Value]) -> Bool) throws(ViewError) {
        do {
            try queue.read { database in
                let rows = try Row.fetchCursor(database, sql: sql)
                while let row = try rows.next() {
                    guard body(Array(row.columnNames), row.databaseValues.map(Self.value)) else { return }
                }
            }
        } catch let error as DatabaseError {
            throw ViewError(code: .sql, description: error.message ?? "\(error)")
        } catch {
            throw ViewError(code: .unreadable, description: "\(error)")
        }
    }

    private static func value(_ value: DatabaseValue) -> Value {
        switch value.storage {
        case .null: .null
        case .int64(let number): .int(number)
        case .double(let number): .double(number)
        case .string(let text): .string(text)
        case .blob(let data): String(bytes: data, encoding: .utf8).map { .string($0) } ?? .bytes([UInt8](data))
        }
    }
}

extension Checkpoint {
    /// Handlers' keys as they stood.
    fileprivate var state: [StateRecord] {
        get throws(LogFormatError) {
            var records: [StateRecord] = []
            try forEachState { records.append($0) }
            return records
        }
    }
}
