import CPatchbaySystem
package import PatchbayEvents
package import PatchbayLog

/// Changes the dead letters of a data folder that no host has: each change is in the log, with who made it.
package struct LetterOperations: ~Copyable {
    /// Letters of one frame.
    private static let frameLetters = 128
    private static let frameBytes = 8 << 20

    private var committer: LogCommitter
    private let routes: [String]
    private let handlers: [String]
    private let decoder = StoredDecoder()
    private let who: String

    /// Takes the folder's lock until the end.
    ///
    /// - Parameters:
    ///   - routes, handlers: of the deliveries that will be made, by name.
    ///   - who: for the record.
    /// - Throws: `.locked` when a host has the folder, with its process; what reading a log throws.
    package init(folder: String, routes: [String], handlers: [String], who: String) throws(LogError) {
        let storage = try logged { () throws(StorageError) in try FileStorage(folder) }
        let lock = try FolderLock(folder: storage.path)
        try self.init(storage, lock: lock, routes: routes, handlers: handlers, who: who)
    }

    /// The same on any storage.
    init(
        _ storage: any LogStorage, lock: FolderLock?, routes: [String], handlers: [String], who: String
    ) throws(LogError) {
        // A checkpoint would need what these leave out, and none is written.
        let opened = try OpenedLog(storage, lock: lock, settings: LogSettings()) { (_, _) throws(LogFormatError) in
        } other: { (_, _) throws(LogFormatError) in
        }
        committer = try opened.committer(routes: routes, handlers: handlers, unixNow: pbs_unix_now())
        self.routes = routes
        self.handlers = handlers
        self.who = who
    }

    /// Throws letters away.
    package mutating func purge(_ letters: [StoredLetter]) throws {
        let who = who
        try inFrames(letters) { letter, _, submission in
            submission.journal.append(
                OperationRecord(.purge, letter.id, of: letter.delivery, at: pbs_unix_now(), by: who))
        }
    }

    /// Keeps what is to be delivered instead; the letter stays as it is.
    package mutating func edit(_ letter: StoredLetter, to event: Event) throws {
        let who = who
        try inFrames([letter]) { letter, _, submission in
            submission.journal.append(
                OperationRecord(
                    .edit, letter.id, of: letter.delivery, at: pbs_unix_now(), by: who, event: event.json))
        }
    }

    /// Accepts the letters' events anew, each for one handler alone: the letter's, or `target`. The next run delivers
    /// them, with all attempts that the policy gives.
    package mutating func redrive(_ letters: [StoredLetter], to target: String? = nil) throws {
        let (routes, handlers, who, numbers) = (routes, handlers, who, committer.numbers)
        try inFrames(letters) { letter, batch, submission in
            if let hindrance = letter.redriveHindrance { throw LogFormatError(hindrance) }
            let event = try letter.redriven()
            let json = event.json
            batch.growText(to: batch.textCount + json.count + 1)
            json.withUnsafeBytes { StoredDecoder.append($0, to: batch) }
            guard let lane = handlers.firstIndex(of: target ?? letter.handler),
                let route = routes.firstIndex(of: letter.redriveRoute)
            else { throw LogFormatError("dead letter \(letter.id) has no handler to go to") }
            batch.append(
                letter.delivery(event: batch.deliveryCount, route: UInt16(route), lane: UInt16(lane)))
            submission.journal.append(
                OperationRecord(
                    redriving: letter, to: target == nil ? nil : numbers.handlers[lane], at: pbs_unix_now(), by: who))
        }
    }

    /// A host may have run since the letter was read: what the ledger would not take must not be written.
    private func check(_ letter: StoredLetter) throws(LogError) {
        guard let kept = committer.ledger.letter(letter.id), !kept.isRedriven, kept.delivery == letter.delivery else {
            throw LogError(.missing, "dead letter \(letter.id) is not kept any more; list them anew")
        }
    }

    /// Writes what `body` makes of the letters, many to a frame.
    private mutating func inFrames(
        _ letters: [StoredLetter], _ body: (StoredLetter, EventBatch, LogSubmission) throws -> Void
    ) throws {
        var index = 0
        while index < letters.count {
            let submission = LogSubmission()
            let batch = EventBatch(source: -1, textCapacity: 1 << 16)
            let end = min(letters.count, index + Self.frameLetters)
            batch.isMuted = letters[index].isMuted
            while index < end, batch.textCount < Self.frameBytes, letters[index].isMuted == batch.isMuted {
                try check(letters[index])
                try body(letters[index], batch, submission)
                index += 1
            }
            if batch.deliveryCount > 0 {
                try decoder.decode(batch, batch.deliveryCount)
                batch.receivedAt = pbs_unix_now()
                submission.batches.append(batch)
            }
            try committer.commit([submission], unixNow: pbs_unix_now())
            try committer.sync()
        }
    }
}

extension OperationRecord {
    /// The frame accepts a letter's event anew: for the letter's handler, or for `target`, a number of the log's.
    init(redriving letter: StoredLetter, to target: UInt16?, at time: UInt64, by who: String) {
        let isElsewhere = target.map { $0 != letter.delivery.handler } ?? false
        self.init(
            isElsewhere ? .redirect : .redrive, letter.id, of: letter.delivery,
            target: isElsewhere ? target : DeadLetterRecord.noHandler, at: time, by: who)
    }
}
