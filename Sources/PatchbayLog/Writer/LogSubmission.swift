package import PatchbayEvents

/// What goes into the log together or not at all: one frame. Events with their deliveries, what became of deliveries,
/// what handlers changed.
///
/// It belongs to one thread at a time: the dispatcher fills it, the log's writer writes it and gives positions to its
/// events, and the dispatcher gets it back when it is committed.
package final class LogSubmission: @unchecked Sendable {
    // Invariant: ownership passes with the reference through a ring; only the owner touches it.

    /// In the order of their positions.
    package var batches: [EventBatch] = []
    /// What happened to deliveries.
    package var journal = LogJournal()
    /// It holds what an operator changed, and nothing else.
    package var isOperators = false
    /// An operator waits until it is in the log: what he changed is among the rest.
    package var answersOperator = false
    /// Sections of the frame as checkpoints keep them, when this submission asks for a checkpoint behind it.
    package var checkpointExtras: [CheckpointExtra]?
    /// Set by the writer: the frame's.
    package internal(set) var sequence: UInt64 = 0
    package internal(set) var location = FrameLocation(segment: 0, offset: 0, length: 0)

    package init() {}

    package var isEmpty: Bool { batches.isEmpty && journal.isEmpty && checkpointExtras == nil }

    /// About what its frame takes.
    package var byteCount: Int { batches.reduce(256 + journal.byteCount) { $0 + $1.textCount + 64 * $1.count } }

    /// Makes it as good as new, keeping its buffers' room as far as that is usual.
    package func reset() {
        batches.removeAll(keepingCapacity: true)
        journal.removeAll()
        isOperators = false
        checkpointExtras = nil
        answersOperator = false
        sequence = 0
    }
}

/// What belongs to others and is kept in checkpoints: written as it stood when the submission was made.
package struct CheckpointExtra: Sendable {
    package var name: String
    /// On the writer's thread.
    package var encode: @Sendable (inout ByteWriter) -> Void

    package init(name: String, encode: @escaping @Sendable (inout ByteWriter) -> Void) {
        self.name = name
        self.encode = encode
    }
}

/// The records of one frame beside its events, section by section, and what the dispatcher does once they are on disk.
package struct LogJournal: ~Copyable {
    private var outcomes = ByteWriter(capacity: 1 << 14)
    private var failures = ByteWriter(capacity: 64)
    private var deadLetters = ByteWriter(capacity: 64)
    private var names = ByteWriter(capacity: 64)
    private var operations = ByteWriter(capacity: 64)
    /// For whoever owns handlers' state, timers and subscriptions.
    package var state = ByteWriter(capacity: 64)
    package var timers = ByteWriter(capacity: 64)
    package var subscriptions = ByteWriter(capacity: 64)
    private var streams = ByteWriter(capacity: 64)
    /// Records of streams that were appended.
    package private(set) var streamRecords = 0
    private var deduplication = ByteWriter(capacity: 64)
    /// Deliveries whose dead letters are in it, as the dispatcher knows them.
    package var buried: [UInt32] = []
    /// Deliveries that may be tried again at a time (monotonic nanoseconds) once their failure is on disk.
    package var retries: [(delivery: UInt32, due: UInt64)] = []

    package init() {}

    package var byteCount: Int {
        outcomes.count + failures.count + deadLetters.count + names.count + operations.count + state.count
            + timers.count + deduplication.count + streams.count + subscriptions.count
    }

    package var isEmpty: Bool { byteCount == 0 && buried.isEmpty && retries.isEmpty }

    @inline(__always) package mutating func append(_ record: OutcomeRecord) { record.write(to: &outcomes) }
    package mutating func append(_ record: FailureRecord) { record.write(to: &failures) }
    package mutating func append(_ record: DeadLetterRecord) { record.write(to: &deadLetters) }
    package mutating func append(_ record: NameRecord) { record.write(to: &names) }
    package mutating func append(_ record: OperationRecord) { record.write(to: &operations) }
    package mutating func append(_ record: DeduplicationRecord) { record.write(to: &deduplication) }
    package mutating func append(_ record: StreamRecord) {
        record.write(to: &streams)
        streamRecords += 1
    }

    package mutating func removeAll() {
        outcomes.removeAll(keeping: 1 << 17)
        failures.removeAll(keeping: 1 << 12)
        deadLetters.removeAll(keeping: 1 << 12)
        names.removeAll(keeping: 1 << 12)
        operations.removeAll(keeping: 1 << 12)
        state.removeAll(keeping: 1 << 12)
        timers.removeAll(keeping: 1 << 12)
        subscriptions.removeAll(keeping: 1 << 12)
        deduplication.removeAll(keeping: 1 << 14)
        streams.removeAll(keeping: 1 << 12)
        streamRecords = 0
        buried.removeAll(keepingCapacity: true)
        retries.removeAll(keepingCapacity: true)
    }

    /// Adds the names, which come first: later sections use them.
    func writeNames(to builder: inout FrameBuilder) {
        if !names.isEmpty { builder.add(.names, names.bytes) }
    }

    /// Adds what happened: after the events, which an outcome may be about.
    func writeRecords(to builder: inout FrameBuilder) {
        if !outcomes.isEmpty { builder.add(.outcomes, outcomes.bytes) }
        if !failures.isEmpty { builder.add(.failures, failures.bytes) }
        if !deadLetters.isEmpty { builder.add(.deadLetters, deadLetters.bytes) }
        if !operations.isEmpty { builder.add(.operations, operations.bytes) }
        if !state.isEmpty { builder.add(.state, state.bytes) }
        if !timers.isEmpty { builder.add(.timers, timers.bytes) }
        if !deduplication.isEmpty { builder.add(.deduplication, deduplication.bytes) }
        if !streams.isEmpty { builder.add(.streams, streams.bytes) }
        if !subscriptions.isEmpty { builder.add(.subscriptions, subscriptions.bytes) }
    }
}
