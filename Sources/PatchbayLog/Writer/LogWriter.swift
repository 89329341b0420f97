import CPatchbaySystem
package import PatchbayEvents
import Synchronization

/// The log's thread: takes what waits, writes it as one group, syncs it, and hands it back.
///
/// [`submit` and `takeCommitted`: the dispatcher's thread; the rest any thread]
package final class LogWriter: Sendable {
    private static let groupFrames = 16
    private static let groupBytes = 8 << 20
    /// Between attempts to write what the disk did not take.
    private static let patience: UInt64 = 100_000_000
    /// What the end of a host leaves a disk that refuses.
    private static let endPatience: UInt64 = 1_000_000_000

    /// Submissions under way at most; what comes back always finds room.
    let depth: Int
    private let incoming: SingleConsumerRing
    private let outgoing: SingleConsumerRing
    let bell = Doorbell()
    private let dispatcher: Doorbell
    private let isEnding = Atomic<Bool>(false)
    private let hasEnded = Atomic<Bool>(false)
    private let checkpointIsDue = Atomic<Bool>(false)
    /// A submission that asks for one is under way.
    private let checkpointIsAsked = Atomic<Bool>(false)
    private let state = Mutex(LogWriterStatus())
    let questions = LedgerQuestions()
    private let thread = Mutex<OwnThread?>(nil)
    private let committer: Mutex<CommitterBox?>
    private let settings: LogSettings
    package let numbers: LogNumbers
    /// Reads what is committed, on any thread.
    package let reader: LogReader

    private let report: @Sendable (LogError?) -> Void
    private let didCarry: @Sendable (_ records: [StreamRecord], _ sequence: UInt64) -> Void

    /// - Parameters:
    ///   - dispatcher: rung when something was committed.
    ///   - report: told, on the writer's thread, when the disk begins to refuse what is written, and with `nil` when it
    ///     takes it again.
    ///   - didCarry: told, on the writer's thread, what of streams was written once more, in which frame, before the
    ///     segment that it was in goes.
    package init(
        _ committer: consuming LogCommitter, dispatcher: Doorbell, report: @escaping @Sendable (LogError?) -> Void,
        didCarry: @escaping @Sendable (_ records: [StreamRecord], _ sequence: UInt64) -> Void = { _, _ in }
    ) {
        self.report = report
        self.didCarry = didCarry
        settings = committer.settings
        depth = settings.queueDepth
        incoming = SingleConsumerRing(capacity: depth)
        outgoing = SingleConsumerRing(capacity: 2 * depth)
        numbers = committer.numbers
        reader = committer.store.reader
        self.dispatcher = dispatcher
        self.committer = Mutex(CommitterBox(committer))
    }

    package func start() throws(ThreadError) {
        guard let box = takeCommitter() else { return }
        let started = try OwnThread("pb-log") { self.run(box) }
        thread.withLock { $0 = started }
    }

    /// Writes what was submitted and ends; what the disk does not take within `patience` nanoseconds stays unwritten.
    /// What is not committed then.
    package func end() -> [LogSubmission] {
        askToEnd()
        thread.withLock { $0.take() }?.join()
        var left: [LogSubmission] = []
        while let word = incoming.pop() { left.append(Self.submission(word).takeRetainedValue()) }
        return left
    }

    /// The step that finds nothing left to write is the last.
    func askToEnd() {
        isEnding.store(true, ordering: .releasing)
        bell.ring()
    }

    package var status: LogWriterStatus { state.withLock { $0 } }

    // MARK: Dispatcher

    /// False when the writer is too far behind: offer it again later.
    func submit(_ submission: LogSubmission) -> Bool {
        let word = Unmanaged.passRetained(submission)
        let asks = submission.checkpointExtras != nil
        if asks { checkpointIsAsked.store(true, ordering: .relaxed) }
        guard incoming.push(UInt(bitPattern: word.toOpaque())) else {
            if asks { checkpointIsAsked.store(false, ordering: .relaxed) }
            word.release()
            return false
        }
        bell.ring()
        return true
    }

    /// What was committed, oldest first.
    func takeCommitted() -> LogSubmission? { outgoing.pop().map { Self.submission($0).takeRetainedValue() } }

    var hasCommitted: Bool { !outgoing.isEmpty }
    /// The writer has given up: nothing is committed any more.
    var isBroken: Bool { hasEnded.load(ordering: .acquiring) }
    /// The next submission should ask for a checkpoint.
    var wantsCheckpoint: Bool {
        checkpointIsDue.load(ordering: .relaxed) && !checkpointIsAsked.load(ordering: .relaxed)
    }

    // MARK: The thread

    private func run(_ box: CommitterBox) {
        while true {
            switch step(box, now: pbs_now(), unixNow: pbs_unix_now()) {
            case .goesOn: continue
            case .idles(let nanoseconds):
                bell.wait(timeout: nanoseconds) {
                    !incoming.isEmpty || !questions.isEmpty || isEnding.load(ordering: .relaxed)
                }
            case .waitsForDisk: bell.wait(spins: 0, timeout: Self.patience) { false }
            case .ends: return
            }
        }
    }

    /// What the thread does after a step.
    enum Step: Equatable {
        case goesOn
        /// Until something is submitted, for so many nanoseconds at most.
        case idles(UInt64)
        /// The disk refuses the group, which is offered to it again.
        case waitsForDisk
        case ends
    }

    /// The committer for whoever takes the steps in the thread's place: a simulation. `nil` once it is taken.
    func takeCommitter() -> CommitterBox? { committer.withLock { $0.take() } }

    /// Writes what waits as one group, or what is left of the last one; does what is due where nothing waits.
    func step(_ box: CommitterBox, now: UInt64, unixNow: UInt64) -> Step {
        if !questions.isEmpty { questions.answer(box.committer.ledger) }
        gather(&box.group)
        guard !box.group.isEmpty else {
            if isEnding.load(ordering: .acquiring), incoming.isEmpty {
                end(box)
                return .ends
            }
            if box.syncDue <= now { box.syncDue = sync(box) ? .max : now + Self.patience }
            return .idles(box.syncDue == .max ? 1_000_000_000 : max(1, box.syncDue - min(box.syncDue - 1, now)))
        }
        do {
            try box.committer.commit(box.group, unixNow: unixNow)
            note(box, failure: nil)
        } catch {
            note(box, failure: error)
            dispatcher.ring()
            if isEnding.load(ordering: .acquiring), box.giveUpAt == 0 { box.giveUpAt = now + Self.endPatience }
            let isHopeless = error.code == .corrupt || error.code == .frameTooLong
            guard isHopeless || (box.giveUpAt != 0 && now >= box.giveUpAt) else { return .waitsForDisk }
            hasEnded.store(true, ordering: .releasing)
            dispatcher.ring()
            end(box)
            return .ends
        }
        if case .interval(let nanoseconds) = settings.sync, box.syncDue == .max { box.syncDue = now + nanoseconds }
        let extras = box.group.lazy.compactMap(\.checkpointExtras).first
        for submission in box.group {
            let word = Unmanaged.passRetained(submission)
            precondition(outgoing.push(UInt(bitPattern: word.toOpaque())), "more came back than was submitted")
        }
        box.group.removeAll(keepingCapacity: true)
        dispatcher.ring()
        if let extras { maintain(box, extras, unixNow: unixNow) }
        if box.committer.wantsCheckpoint { checkpointIsDue.store(true, ordering: .relaxed) }
        return .goesOn
    }

    private func end(_ box: CommitterBox) {
        questions.close()
        let failure = status.failure
        if settings.sync != .never { _ = sync(box) }
        // What it gives up for stays known, however the last sync went.
        if !box.group.isEmpty { note(box, failure: failure) }
        for submission in box.group { give(back: submission) }
        box.group.removeAll()
        state.withLock { $0.drift = $0.drift ?? box.committer.ledger.drift }
    }

    /// A checkpoint is of what lies before it: a submission that asks for one ends its group. A group that waits for the
    /// disk stays as it is.
    private func gather(_ group: inout [LogSubmission]) {
        guard group.isEmpty else { return }
        var bytes = 0
        while group.count < Self.groupFrames, bytes < Self.groupBytes, let word = incoming.pop() {
            let submission = Self.submission(word).takeRetainedValue()
            group.append(submission)
            bytes += submission.byteCount
            if submission.checkpointExtras != nil { return }
        }
    }

    private func sync(_ box: CommitterBox) -> Bool {
        do {
            try box.committer.sync()
            note(box, failure: nil)
            return true
        } catch {
            note(box, failure: error)
            dispatcher.ring()
            return false
        }
    }

    private func maintain(_ box: CommitterBox, _ extras: [CheckpointExtra], unixNow: UInt64) {
        checkpointIsDue.store(false, ordering: .relaxed)
        checkpointIsAsked.store(false, ordering: .relaxed)
        do {
            try box.committer.checkpoint(extras, unixNow: unixNow)
            let dropped = try box.committer.retain(unixNow: unixNow, didCarry: didCarry)
            state.withLock { $0.droppedSegments += dropped }
            note(box, failure: nil)
        } catch {
            note(box, failure: error)
        }
    }

    private func note(_ box: CommitterBox, failure: LogError?) {
        let isNews = state.withLock { state in
            let isNews = state.failure?.code != failure?.code
            if failure != nil { state.failures += 1 }
            state.failure = failure
            state.nextPosition = box.committer.store.nextPosition
            state.counts = box.committer.ledger.counts
            state.drift = state.drift ?? box.committer.ledger.countDrift
            return isNews
        }
        if isNews { report(failure) }
    }

    /// Keeps what could not be written for whoever ends the log.
    private func give(back submission: LogSubmission) {
        let word = Unmanaged.passRetained(submission)
        if !incoming.push(UInt(bitPattern: word.toOpaque())) { word.release() }
    }

    private static func submission(_ word: UInt) -> Unmanaged<LogSubmission> {
        guard let pointer = UnsafeRawPointer(bitPattern: word) else { preconditionFailure("a null submission") }
        return Unmanaged.fromOpaque(pointer)
    }
}

/// How the log's writer is doing.
package struct LogWriterStatus: Sendable {
    /// Why the disk does not take what waits; `nil` when it does.
    package var failure: LogError?
    /// Attempts that failed, in all.
    package var failures = 0
    package var nextPosition: UInt64 = 0
    package var droppedSegments = 0
    package var counts = LedgerCounts()
    /// What does not add up in the ledger: of its counts after each group, and of all it holds once the writer has ended.
    package var drift: String?
}

/// What the writer's thread has for itself: the committer, and how far it is.
final class CommitterBox: @unchecked Sendable {
    // Invariant: made by one thread, used by the writer's only.
    var committer: LogCommitter
    /// Being written; kept while the disk refuses it.
    fileprivate var group: [LogSubmission] = []
    /// Monotonic nanoseconds; `.max` when nothing is to be synced.
    fileprivate var syncDue: UInt64 = .max
    /// When the end of the host no longer waits for the disk; 0 before it does.
    fileprivate var giveUpAt: UInt64 = 0

    init(_ committer: consuming LogCommitter) { self.committer = committer }
}
