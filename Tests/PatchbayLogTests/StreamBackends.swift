import PatchbayEvents
import PatchbayResilience
import Testing

@testable import PatchbayLog

/// Streams as a test uses them, whatever is beneath.
protocol StreamBackend: AnyObject {
    var store: StreamStore { get }
    func apply(_ change: StreamChange, now: UInt64) throws -> StreamAnswer
    /// What may happen at any time and must change nothing; what it was.
    func disturb(_ random: inout SeededRandom, now: UInt64) throws -> String
}

final class MemoryStreams: StreamBackend {
    let store = StreamStore()

    func apply(_ change: StreamChange, now: UInt64) throws -> StreamAnswer { try store.apply(change, now: now) }
    func disturb(_ random: inout SeededRandom, now: UInt64) throws -> String { "nothing" }
}

/// A log on a disk in memory: it is closed, loses power, writes checkpoints, drops segments and carries what is in them.
final class FileStreams: StreamBackend {
    let storage: MemoryStorage
    private(set) var store: StreamStore
    private var committer: Committer
    private var pending = LogSubmission()
    private var settings = LogSettings()
    var seen: [String: Int] = [:]

    /// A value that cannot be copied, in a place that can be replaced.
    private final class Committer {
        var value: LogCommitter
        init(_ value: consuming LogCommitter) { self.value = value }
    }

    init(seed: UInt64) throws {
        storage = MemoryStorage(seed: seed)
        settings.segmentBytes = 4_096
        settings.retentionBytes = 1
        settings.identity = seed
        (committer, store) = try Self.open(storage, settings)
    }

    private static func open(
        _ storage: MemoryStorage, _ settings: LogSettings
    ) throws -> (Committer, StreamStore) {
        let opened = try OpenedLog(storage, lock: nil, settings: settings) { (_, _) throws(LogFormatError) in
        } other: { (_, _) throws(LogFormatError) in
        }
        let committer = Committer(try opened.committer(routes: [], handlers: [], unixNow: 1))
        let store = StreamStore()
        store.open(committer.value.ledger.streams, reader: committer.value.store.reader)
        return (committer, store)
    }

    var streams: Streams { committer.value.ledger.streams }

    func apply(_ change: StreamChange, now: UInt64) throws -> StreamAnswer {
        try store.apply(change, now: now) { pending.journal.append($0) }
    }

    /// Puts what was changed on disk.
    func commit(now: UInt64) throws {
        guard !pending.isEmpty else { return }
        try committer.value.commit([pending], unixNow: now)
        store.placed(pending.journal.streamRecords, in: pending.sequence)
        pending = LogSubmission()
    }

    func disturb(_ random: inout SeededRandom, now: UInt64) throws -> String {
        let what = ["nothing", "commit", "commit", "commit", "checkpoint", "reopen", "crash"][Int(random.upTo(6))]
        if what != "nothing" { try commit(now: now) }
        switch what {
        case "checkpoint":
            if random.upTo(2) == 0 {
                for _ in 0...random.upTo(2) {
                    storage.plan.at[storage.counts.operations + 1 + Int(random.upTo(15))] = .io
                }
            }
            let before = streams
            do throws(LogError) {
                try committer.value.checkpoint([], unixNow: now)
                let store = store
                seen["dropped", default: 0] += try committer.value.retain(unixNow: now) { store.carried($0, in: $1) }
            } catch {
                // The next commit goes on with what was begun, and the next checkpoint with the rest.
                #expect(error.code == .io)
                seen["refused", default: 0] += 1
            }
            storage.plan.at = [:]
            if streams != before { seen["carried", default: 0] += 1 }
        case "crash":
            storage.crash()
            storage.restart()
            (committer, store) = try Self.open(storage, settings)
        case "reopen": (committer, store) = try Self.open(storage, settings)
        default: break
        }
        seen[what, default: 0] += 1
        return what
    }
}

/// What streams must be, told as plainly as can be.
struct StreamModel {
    struct Stream {
        var events: [(id: String, number: UInt64, time: UInt64)] = []
        var first = 0
        var isDeleted = false
        var snapshots: [UInt64: [UInt8]] = [:]
    }

    var streams: [String: Stream] = [:]
    var number: UInt64 = 0
    var time: UInt64 = 0

    /// The revision of the first event, or `nil` when it is refused.
    mutating func append(_ ids: [String], to name: String, _ expected: ExpectedRevision, now: UInt64) -> Int? {
        let stream = streams[name] ?? Stream()
        guard !stream.isDeleted else { return nil }
        let known = stream.events.map(\.id)
        func isRepeat(_ start: Int) -> Bool {
            start >= known.count - 4096 && start + ids.count <= known.count
                && Array(known[start..<(start + ids.count)]) == ids
        }
        let atEnd: Bool
        switch expected {
        case .any: atEnd = true
        case .noStream: atEnd = known.isEmpty
        case .streamExists: atEnd = !known.isEmpty
        case .exact(let revision): atEnd = !known.isEmpty && Int(clamping: revision) == known.count - 1
        }
        switch expected {
        case .exact(let revision) where !atEnd:
            let start = Int(clamping: revision &+ 1)
            return revision < known.count && isRepeat(start) ? start : nil
        case .noStream where !atEnd: return isRepeat(0) ? 0 : nil
        case .any, .streamExists:
            if let start = known.indices.last(where: isRepeat) { return start }
            if known.suffix(4096).contains(where: ids.contains) || !atEnd { return nil }
        default: break
        }
        time = max(time, now)
        for id in ids {
            streams[name, default: Stream()].events.append((id, number, time))
            number += 1
        }
        return known.count
    }

    func read(_ name: String, _ selection: StreamSelection, count: Int) -> [String] {
        let stream = streams[name] ?? Stream()
        guard !stream.isDeleted else { return [] }
        var found: [String] = []
        for revision in stream.first..<stream.events.count {
            let event = stream.events[revision]
            if let since = selection.since, event.time < since { continue }
            if let asOf = selection.asOf, event.time > asOf { continue }
            let isForward = selection.direction == .forward
            if let from = selection.from, isForward ? revision < from : revision > from { continue }
            found.append("\(revision) \(event.number) \(event.time) \(event.id)")
        }
        return Array((selection.direction == .forward ? found : found.reversed()).prefix(count))
    }
}
