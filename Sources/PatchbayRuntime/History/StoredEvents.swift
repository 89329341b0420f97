import Glibc
import PatchbayEvents
package import PatchbayLog

/// Finds events in a data folder and tells what became of them.
///
/// Takes no lock and changes nothing, so it works with no host as well as beside one that is running: then it sees what
/// was in the log when it was opened. Belongs to one thread.
package final class StoredEvents {
    /// How far a search or a history is, in frames of the log.
    package struct Progress: Sendable {
        package var read: UInt64
        package var all: UInt64
    }

    /// The data folder.
    package let folder: String
    /// The process that had the folder when it was opened; `nil` when no host runs on it.
    package let host: Int32?
    private let reader: LogReader
    private let names: NameTable

    /// Sources of one id that are told apart.
    private static let sourcesMax = 16

    /// Opens the folder's log. Reads what was written since the last checkpoint, for the names of routes and handlers.
    package init(folder: String) throws(StoredEventError) {
        self.folder = folder
        host = FolderHolder.process(of: folder)
        do {
            reader = try LogReader.open(FileStorage("\(folder)/log"))
            names = try Self.names(folder, reader)
        } catch {
            throw StoredEventError(opening: folder, error)
        }
    }

    /// The newest event with this id. Without a source the whole log is read.
    ///
    /// - Throws: `.missing`; `.ambiguous` when several sources have such an event; `.unreadable`.
    package func find(
        id: String, source: String?, progress: (Progress) -> Void = { _ in }
    ) throws(StoredEventError) -> LogEvent {
        do {
            if let source {
                if let event = try reader.find(source: source, id: id) { return event }
                throw StoredEventError(
                    .missing, "the log in \(folder) has no event with id '\(id)' and source '\(source)'")
            }
            return try search(id, progress)
        } catch let error as StoredEventError {
            throw error
        } catch {
            throw StoredEventError(.unreadable, "\(error)")
        }
    }

    /// Reads on from the event's frame, until nothing can follow or the log ends.
    package func history(
        of event: LogEvent, progress: (Progress) -> Void = { _ in }
    ) throws(StoredEventError) -> EventHistory {
        do {
            var fold = HistoryFold(position: event.position, names: names)
            var cursor = try reader.frames(fromPosition: event.position)
            let (first, end) = (cursor.sequence, reader.sequences.upperBound)
            while !fold.isOver, let frame = try cursor.next() {
                try fold.take(frame.view)
                progress(Progress(read: cursor.sequence - first, all: end - first))
            }
            let codec = CloudEventsCodec.ofStored()
            return EventHistory(
                event: try codec.event(event.line), line: event.line, position: event.position,
                receivedAt: fold.receivedAt, acceptedAt: fold.acceptedAt, trace: fold.trace,
                configuration: fold.configuration, deliveries: fold.deliveries)
        } catch {
            throw StoredEventError(.unreadable, "\(error)")
        }
    }

    // MARK: Private

    /// The numbers' names: those of the latest checkpoint, and what frames behind it add.
    static func names(_ folder: String, _ reader: LogReader) throws -> NameTable {
        var names = NameTable()
        var sequence = reader.sequences.lowerBound
        if let checkpoint = try checkpoint(folder) {
            names = checkpoint.ledger.names
            sequence = max(sequence, checkpoint.sequence + 1)
        }
        guard sequence < reader.sequences.upperBound else { return names }
        var cursor = reader.frames(fromSequence: sequence)
        while let frame = try cursor.next() {
            _ = try frame.view.forEachSection { (kind, bytes) throws(LogFormatError) in
                guard kind == .names else { return }
                var records = ByteReader(bytes)
                while !records.isAtEnd { try names.add(NameRecord(&records)) }
            }
        }
        return names
    }

    /// `nil` when no host has written one yet.
    static func checkpoint(_ folder: String) throws(StorageError) -> Checkpoint? {
        let storage: FileStorage
        do {
            storage = try FileStorage("\(folder)/checkpoint")
        } catch {
            if error.isMissing { return nil }
            throw error
        }
        var checkpoints = CheckpointStore(storage)
        return try checkpoints.load().checkpoint
    }

    private func search(_ id: String, _ progress: (Progress) -> Void) throws -> LogEvent {
        let wanted = Array(id.utf8)
        let codec = CloudEventsCodec.ofStored()
        var found: [String: UInt64] = [:]
        let sequences = reader.sequences
        var cursor = reader.frames(fromSequence: sequences.lowerBound)
        while let frame = try cursor.next() {
            var first = frame.view.header.firstPosition
            _ = try frame.view.forEachSection { (kind, bytes) throws(LogFormatError) in
                guard kind == .events else { return }
                let section = try EventsSection(bytes)
                let start = first
                first += UInt64(section.count)
                guard Self.mayHold(wanted, section.text) else { return }
                for index in 0..<section.count where Self.mayHold(wanted, section.line(index)) {
                    guard let event = Self.decoded(section.line(index), codec), event.id == id else { continue }
                    guard found[event.source] != nil || found.count < Self.sourcesMax else { continue }
                    found[event.source] = start + UInt64(index)
                }
            }
            progress(
                Progress(
                    read: cursor.sequence - sequences.lowerBound,
                    all: UInt64(sequences.count)))
        }
        guard let (_, position) = found.first else {
            throw StoredEventError(.missing, "the log in \(folder) has no event with id '\(id)'")
        }
        guard found.count == 1 else {
            let sources = found.keys.sorted().map { "'\($0)'" }.joined(separator: ", ")
            throw StoredEventError(
                .ambiguous, "events of several sources have the id '\(id)': \(sources); say which with --source")
        }
        guard let event = try reader.event(at: position) else {
            throw StoredEventError(.missing, "the event with id '\(id)' was dropped from the log just now")
        }
        return event
    }

    /// Whether an id may be in this JSON: as it is, or escaped.
    private static func mayHold(_ id: [UInt8], _ text: UnsafeRawBufferPointer) -> Bool {
        guard let base = text.baseAddress, let first = id.first else { return false }
        if memchr(base, 0x5C, text.count) != nil { return true }
        var start = 0
        while start + id.count <= text.count {
            guard let place = memchr(base + start, Int32(first), text.count - id.count - start + 1) else { break }
            if memcmp(place, id, id.count) == 0 { return true }
            start = UnsafeRawPointer(place) - base + 1
        }
        return false
    }

    private static func decoded(_ line: UnsafeRawBufferPointer, _ codec: CloudEventsCodec) -> Event? {
        do {
            return try codec.event(line)
        } catch {
            // What was accepted decodes, and its frame's checksum was right; a line that does not is not the event.
            return nil
        }
    }
}

/// Why there is no history.
package struct StoredEventError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// The folder holds no log.
        case noLog
        /// No such event: never accepted, or its segment was dropped.
        case missing
        /// More than one event is meant.
        case ambiguous
        /// The log is damaged, of another version, or the disk failed.
        case unreadable
    }

    package let code: Code
    package let description: String

    /// Why the log in a data folder cannot be opened.
    init(opening folder: String, _ error: any Error) {
        if let error = error as? StorageError, error.isMissing {
            self.init(.noLog, "there is no log in \(folder): a run with `log: {backend: file}` writes one there")
        } else {
            self.init(.unreadable, "\(error)")
        }
    }

    init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }
}
