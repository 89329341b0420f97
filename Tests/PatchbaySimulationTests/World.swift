import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayModules

@testable import PatchbayRuntime

/// What is outside of the process and outlives it: what was promised, and what handlers did. The oracle.
///
/// It believes what handlers said and what the log said it has, frame by frame, and nothing else: no table of the
/// ledger, no count of the dispatcher.
final class World {
    enum End: Equatable { case done, skipped, dead }

    /// What a call said at its end, until the log has it.
    struct Said {
        var end: End
        /// Ids of emitted events, those that come in at once and those that come in later.
        var children: [String] = []
        var later: [String] = []
        /// The key that it counted in its handler's state, and what it left there; `nil` is nothing any more.
        var counted: (key: String, value: Int?)?
        /// What it appended to a stream, by id, and where it was to go.
        var appended: (stream: String, expected: ExpectedRevision, ids: [String])?
        var subscriptions: [SubscriptionChange] = []
        /// Keys of timers; the event of `set` has the id `tick-` and the key.
        var sets: [String] = []
        var cancels: [String] = []
    }

    /// Begins the keys of the state under which `counting` notes who changed it last.
    static let byKey = "by-"

    private struct Key: Hashable {
        var handler: UInt16
        var key: UInt64
    }

    private(set) var violation: String?
    var counters = Counters()
    var breakers = BreakerWatch()
    /// Names of the log's handlers by number, as far as processes had them.
    private(set) var names: [UInt16: String] = [:]
    /// Ids of accepted events, by position.
    var accepted: [String] = []
    var acceptedOnce: Set<String> = []
    var created: Set<DeliveryID> = []
    var ends: [DeliveryID: End] = [:]
    var attempts: [DeliveryID: UInt32] = [:]
    /// Dead letters that are neither redriven nor thrown away, with what died.
    var letters: [LetterID: DeliveryID] = [:]
    var said: [DeliveryID: Said] = [:]
    /// By key: what handlers of `counting` left in their state.
    var counts: [String: Int] = [:]
    /// Ids of what is in a stream, by revision.
    var streams: [String: [String]] = [:]
    /// By stream: the first revision that is not truncated. What is deleted is truncated to its end.
    var truncated: [String: Int] = [:]
    /// Truncations and deletions that operators were told of, until the log has them.
    var streamsToChange: [StreamRecord] = []
    /// What each subscription wants, from its place on.
    var subscriptions: [Following: StreamWish] = [:]
    /// What handlers wanted while this process created them, and is not in the log.
    var declared: [(key: Following, wish: StreamWish)] = []
    /// Changes of subscriptions that the dispatcher was told of, until the log has them.
    var intents: [Intent] = []
    /// Deliveries of subscriptions that have not ended; and how many each has.
    var followedBy: [DeliveryID: Following] = [:]
    var unsettled: [Following: Int] = [:]
    var timers: Set<String> = []
    /// Ids of emitted events that are to come in later, as often as they are.
    var delayed: [String] = []
    private var keys: [DeliveryID: UInt64] = [:]
    /// Positions with a key that have not ended for good, ascending.
    private var queues: [Key: [UInt64]] = [:]
    /// The log's numbers of this process's lanes.
    var handlers: [UInt16] = []
    /// Of this process's configurations, by their number in the log; `nil` is the one that it began with.
    var rules: [UInt16?: Rules] = [:]
    /// Which of them is in force.
    var ruling: UInt16?
    /// The last ones.
    var decisions: [Decision] = []
    /// A bit is flipped for as long as this process opens the log.
    var hasFlippedBit = false
    /// Sequence of the last frame that the log said it has.
    var committed: UInt64 = 0

    /// Of what lies in the log.
    let codec = CloudEventsCodec.ofStored()
    private var parts: [UInt16: Scenario.Part] = [:]

    func fail(_ text: @autoclosure () -> String) { violation = violation ?? text() }

    func part(of handler: UInt16) -> Scenario.Part? {
        if let known = parts[handler] { return known }
        let part = names[handler].flatMap { Scenario.Part(rawValue: String($0.dropFirst("sim.".count))) }
        parts[handler] = part
        return part
    }

    func name(_ id: DeliveryID) -> String {
        "position \(id.position) for \(names[id.handler] ?? "handler \(id.handler)")"
    }

    // MARK: Deliveries

    func create(_ id: DeliveryID, key: UInt64) {
        if !created.insert(id).inserted { fail("\(name(id)) was accepted twice") }
        guard key != 0 else { return }
        keys[id] = key
        queues[Key(handler: id.handler, key: key), default: []].append(id.position)
    }

    func end(_ id: DeliveryID, _ end: End) {
        if !created.contains(id) { fail("\(name(id)) ended as \(end) and was never accepted") }
        if let before = ends.updateValue(end, forKey: id) { fail("\(name(id)) ended as \(end) after \(before)") }
        attempts[id] = nil
        if let key = followedBy.removeValue(forKey: id) { unsettled[key, default: 0] -= 1 }
        if let key = keys[id] { queues[Key(handler: id.handler, key: key)]?.removeAll { $0 == id.position } }
    }

    var isSettled: Bool { ends.count == created.count && timers.isEmpty && delayed.isEmpty && isFollowed }

    // MARK: Handlers

    /// A handler is called.
    func start(_ id: DeliveryID, event: String, attempt: UInt32) {
        counters.calls += 1
        guard created.contains(id), accepted[Int(id.position)] == event else {
            return fail("\(name(id)) with event \(event) was never accepted")
        }
        if let end = ends[id] { fail("\(name(id)) is \(end), and is called again") }
        if said[id] != nil { fail("\(name(id)) is called again before its end is in the log") }
        let charged = attempts[id] ?? 0
        if attempt != charged + 1 { fail("\(name(id)) is called for attempt \(attempt) after \(charged)") }
        if attempt > 1 { counters.repeats += 1 }
        guard let key = keys[id] else { return }
        let before = queues[Key(handler: id.handler, key: key)]?.first {
            $0 < id.position && said[DeliveryID(position: $0, handler: id.handler)] == nil
        }
        if let before { fail("\(name(id)) is called before position \(before) of its key has ended") }
    }

    /// A call's word was taken.
    func say(_ id: DeliveryID, _ word: Said) { said[id] = word }

    /// The state that a call wanted to change was changed meanwhile: what it said counts for nothing.
    func unsay(_ id: DeliveryID) {
        if said.removeValue(forKey: id) == nil { fail("\(name(id)) has a conflict without having ended") }
    }

    // MARK: Processes

    /// A process has opened the log: it must know what was promised, no less and no more.
    ///
    /// - Parameter doubtful: what the last process gave to the log without hearing of it again, oldest first.
    func recover(
        _ folder: DataFolder, _ ledger: Ledger, _ state: StateStore, _ timers: TimerStore, _ streams: StreamStore,
        _ subscriptions: SubscriptionStore, doubtful: [LogSubmission]
    ) {
        for (number, name) in ledger.names.names(.handler).enumerated() { names[UInt16(number)] = name }
        if ledger.sequence < committed { fail("the log had \(committed) frames, and has \(ledger.sequence)") }
        for submission in doubtful where submission.sequence > committed {
            counters.doubtful += 1
            // Numbered when it was written; none of those behind the last that is there was.
            guard submission.sequence <= ledger.sequence, isThere(submission, folder.writer.reader) else { continue }
            counters.doubtfulKept += 1
            commit(submission)
        }
        said.removeAll()
        intents.removeAll()
        streamsToChange.removeAll()
        breakers.reset()
        committed = ledger.sequence
        handlers = folder.log.numbers.handlers
        counters.resumedFailures += folder.pending.resumed.count
        counters.orphaned += folder.pending.orphaned.reduce(0) { $0 + $1.count }
        check(ledger)
        let kept = Dictionary(uniqueKeysWithValues: counts.filter { $0.value > 0 }.map { ($0.key, $0.value) })
        var stored: [String: Int] = [:]
        state.snapshot()({ if !$0.key.hasPrefix(Self.byKey) { stored[$0.key] = Counted($0.value)?.count } })
        if stored != kept { fail("handlers left \(kept) in their state, and it is \(stored)") }
        check(streams)
        check(subscriptions)
        checkDecision(folder.writer.reader, ledger.names)
        let set = Set(timers.all().map(\.key))
        if set != self.timers { fail("timers \(self.timers) were set, and \(set) are") }
        let coming = folder.pending.delayed.map(\.reentry.event.id)
        if coming.sorted() != delayed.sorted() { fail("\(delayed) are to come in later, and \(coming) will") }
    }

    /// Whether it has its number for good: names that a process gives while it opens the log may have taken it.
    private func isThere(_ submission: LogSubmission, _ reader: LogReader) -> Bool {
        for _ in 0..<20 {
            do {
                var cursor = reader.frames(fromSequence: submission.sequence)
                var isNaming = false
                try cursor.next()?.view.forEachRecord { if case .name = $0 { isNaming = true } }
                return !isNaming
            } catch let error as LogError where error.code == .io {
                // The disk gives it the next time.
                continue
            } catch {
                fail("frame \(submission.sequence) cannot be read: \(error)")
                return false
            }
        }
        fail("frame \(submission.sequence) could not be read in 20 tries")
        return false
    }

    /// What the log says of deliveries is what the frames said that it was given.
    func check(_ ledger: Ledger) {
        if let drift = ledger.drift { fail("the ledger drifts: \(drift)") }
        if ledger.counts.events != UInt64(accepted.count) {
            fail("\(accepted.count) events were accepted, and the log has \(ledger.counts.events)")
        }
        for id in created {
            if ledger.isPending(id) == (ends[id] != nil) {
                fail("\(name(id)) is \(ends[id].map { "\($0)" } ?? "pending"), and the log says otherwise")
            }
            if ends[id] == nil, ledger.attempts(of: id) != attempts[id] ?? 0 {
                fail("\(name(id)) has \(attempts[id] ?? 0) attempts, and \(ledger.attempts(of: id)) in the log")
            }
        }
        let counts = ledger.counts
        let found = [counts.created, counts.done, counts.skipped, counts.dead].map { Int($0) }
        let expected = [created.count] + [End.done, .skipped, .dead].map { end in ends.values.count { $0 == end } }
        if counts.letters != UInt64(letters.count) {
            fail("\(letters.count) dead letters are kept, and \(counts.letters) in the log")
        }
        if found != expected { fail("created, done, skipped, dead are \(found) in the log instead of \(expected)") }
    }
}

/// What `counting` keeps under a key: how many of its calls have changed it, and for whom the last one did.
struct Counted {
    var count: Int
    var position: UInt64

    init(count: Int, position: UInt64) {
        self.count = count
        self.position = position
    }

    init?(_ bytes: [UInt8]?) {
        let numbers = String(decoding: bytes ?? [], as: UTF8.self).split(separator: " ").compactMap { UInt64($0) }
        guard numbers.count == 2 else { return nil }
        (count, position) = (Int(numbers[0]), numbers[1])
    }

    var bytes: [UInt8] { Array("\(count) \(position)".utf8) }
}
