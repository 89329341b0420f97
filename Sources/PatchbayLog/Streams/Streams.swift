/// The streams of a log: which events each has, where they lie, and what an append to it means.
///
/// A value without I/O or clock, folded with the ledger: by the writer as it commits, and by recovery as it reads. Times
/// are Unix nanoseconds. The events themselves stay in the log: a stream takes about 200 bytes and its name, an append
/// (however many events it has) 40, and each of a stream's newest 4,096 events 8.
package struct Streams: Sendable {
    /// Longer names are refused.
    package static let nameBytesMax = 1024
    /// Events of one append.
    package static let eventsMax = 10_000
    /// A repeated append is known as one when its events are among so many newest ones of its stream.
    package static let repeatWindow = 4096
    /// Of a stream, the newest ones.
    package static let snapshotsMax = 16

    /// Of the next event, over all streams.
    package internal(set) var nextNumber: UInt64 = 0
    /// Of the last append.
    package internal(set) var lastTime: UInt64 = 0
    /// Live ones.
    package internal(set) var eventCount: UInt64 = 0
    var table: ContiguousArray<Stream> = []
    var indexes: [String: Int] = [:]
    package internal(set) var subscriptions: [String: StreamSubscription] = [:]

    package init() {}

    package var isEmpty: Bool { table.isEmpty && subscriptions.isEmpty }

    /// What is known of a stream; `nil` when nothing was ever appended to it.
    package subscript(name: String) -> StreamInfo? { indexes[name].map { table[$0].info } }

    /// All streams, by name; deleted ones included.
    package var all: [StreamInfo] { table.map(\.info).sorted { $0.name < $1.name } }

    /// The time that an append at `now` is given: the clock may have been set back.
    package func time(_ now: UInt64) -> UInt64 { max(now, lastTime) }

    // MARK: Where things are

    /// Live runs of a stream that hold what is selected, in the selection's order: no more than it takes for `count`
    /// events.
    package func runs(
        of name: String, _ selection: StreamSelection = StreamSelection(), count: Int = .max
    ) -> [StreamRun] {
        guard let index = indexes[name], let last = table[index].runs.indices.last else { return [] }
        let stream = table[index]
        let isForward = selection.direction == .forward
        var place = isForward ? 0 : last
        if let from = selection.from {
            if from < stream.first { if !isForward { return [] } } else { place = stream.run(of: from) ?? last + 1 }
            if from >= stream.next { if isForward { return [] } else { place = last } }
        }
        var found: [StreamRun] = []
        var events = 0
        while stream.runs.indices.contains(place), events < count {
            let run = Self.run(stream, place)
            place += isForward ? 1 : -1
            if let asOf = selection.asOf, run.time > asOf { if isForward { break } else { continue } }
            if let since = selection.since, run.time < since { if isForward { continue } else { break } }
            // Of the first run not all may be wanted.
            events += found.isEmpty && selection.from != nil ? 1 : Int(run.end - run.revision)
            found.append(run)
        }
        return found
    }

    /// Live runs of all streams, in the order in which they were appended. Takes memory and time with their number.
    package var runs: [StreamRun] {
        var all: [StreamRun] = []
        for stream in table { all += stream.runs.indices.map { Self.run(stream, $0) } }
        return all.sorted { $0.number < $1.number }
    }

    private static func run(_ stream: Stream, _ index: Int) -> StreamRun {
        let run = stream.runs[index]
        let skipped = run.revision < stream.first ? stream.first - run.revision : 0
        return StreamRun(
            stream: stream.name, revision: run.revision + skipped, end: stream.end(ofRun: index),
            number: run.number + skipped, time: run.time, place: run.place, skipped: Int(skipped))
    }

    /// The latest snapshot of a stream of which `isWanted` is true; `nil` when it has none.
    package func snapshot(of name: String, where isWanted: (StreamSnapshot) -> Bool = { _ in true }) -> StreamSnapshot?
    {
        indexes[name].flatMap { table[$0].snapshots.last(where: isWanted) }
    }

    /// About what it takes in memory, in bytes.
    package var memoryBytes: Int {
        table.reduce(table.capacity * MemoryLayout<Stream>.stride + indexes.capacity * 24) { bytes, stream in
            bytes + stream.name.utf8.count + stream.runs.capacity * MemoryLayout<Stream.Run>.stride
                + stream.keys.capacity * 8 + stream.snapshots.capacity * MemoryLayout<StreamSnapshot>.stride
        }
    }

    /// A stream as it is kept.
    struct Stream: Sendable {
        /// Consecutive revisions that lie together. 40 bytes.
        struct Run: Equatable, Sendable {
            var revision: UInt64
            var number: UInt64
            var time: UInt64
            var place: StreamPlace
        }

        let name: String
        /// The first that is live.
        var first: UInt64 = 0
        var next: UInt64 = 0
        var isDeleted = false
        /// In the order of revisions; the first may begin before `first`.
        var runs: ContiguousArray<Run> = []
        /// Of the events before `next`: at least those of the repeat window.
        var keys: ContiguousArray<UInt64> = []
        /// In the order of revisions.
        var snapshots: [StreamSnapshot] = []

        init(_ name: String) { self.name = name }

        /// The revision behind a run.
        func end(ofRun index: Int) -> UInt64 { index + 1 < runs.count ? runs[index + 1].revision : next }

        /// The run that holds a live revision.
        func run(of revision: UInt64) -> Int? {
            guard revision >= first, revision < next else { return nil }
            return lastRun(upTo: revision)
        }

        /// The last run that begins at a revision or before.
        func lastRun(upTo revision: UInt64) -> Int? {
            var low = 0
            var high = runs.count
            while high - low > 1 {
                let middle = (low + high) / 2
                if runs[middle].revision <= revision { low = middle } else { high = middle }
            }
            return runs.isEmpty || runs[low].revision > revision ? nil : low
        }

        var info: StreamInfo {
            StreamInfo(
                name: name, first: first, next: next, isDeleted: isDeleted, time: runs.last?.time,
                snapshots: snapshots.map(\.revision))
        }
    }
}

/// Where a record of a stream lies: the sequence of its frame, and its place among the frame's records of streams.
package struct StreamPlace: Comparable, Sendable {
    package var sequence: UInt64
    package var record: UInt32

    package init(_ sequence: UInt64, record: UInt32) {
        self.sequence = sequence
        self.record = record
    }

    /// Of what is not in a log, or not yet.
    package static let memory = StreamPlace(0, record: 0)
    package var isInMemory: Bool { sequence == 0 }

    package static func < (one: StreamPlace, other: StreamPlace) -> Bool {
        (one.sequence, one.record) < (other.sequence, other.record)
    }
}

/// A stream as it stands.
package struct StreamInfo: Equatable, Sendable {
    package var name: String
    /// The first revision that is not truncated.
    package var first: UInt64
    /// Of the next event: as many as were ever appended.
    package var next: UInt64
    /// Closed for ever.
    package var isDeleted: Bool
    /// Of the last live append; `nil` when nothing is live.
    package var time: UInt64?
    /// Revisions that it has a snapshot of.
    package var snapshots: [UInt64]

    /// The last event's; `nil` before the first.
    package var revision: UInt64? { next == 0 ? nil : next - 1 }
}

/// Consecutive live events of a stream that were appended together.
package struct StreamRun: Equatable, Sendable {
    package var stream: String
    package var revision: UInt64
    /// The revision behind its last.
    package var end: UInt64
    /// Of its first event, over all streams; its events have consecutive ones.
    package var number: UInt64
    package var time: UInt64
    package var place: StreamPlace
    /// Events of its record before the first live one.
    package var skipped: Int
}

/// What a stream's events up to a revision amount to, and where that lies.
package struct StreamSnapshot: Equatable, Sendable {
    /// The last event that it includes.
    package var revision: UInt64
    package var time: UInt64
    package var place: StreamPlace
}

/// How far a subscription has come.
package struct StreamSubscription: Equatable, Sendable {
    /// Empty: all streams.
    package var stream: String
    /// The revision that comes next; of all streams, the number.
    package var next: UInt64
    package var time: UInt64
}

/// Equal when they say the same: keys beyond the repeat window are no difference.
extension Streams: Equatable {
    package static func == (one: Streams, other: Streams) -> Bool {
        one.nextNumber == other.nextNumber && one.lastTime == other.lastTime
            && one.subscriptions == other.subscriptions && one.table == other.table
    }
}

extension Streams.Stream: Equatable {
    static func == (one: Self, other: Self) -> Bool {
        one.name == other.name && one.first == other.first && one.next == other.next
            && one.isDeleted == other.isDeleted && one.runs == other.runs && one.snapshots == other.snapshots
            && one.keys.suffix(Streams.repeatWindow) == other.keys.suffix(Streams.repeatWindow)
    }
}
