package import PatchbayEvents

/// The append-only log of accepted events and of what becomes of them: positions are given here, and lanes are cursors
/// over it.
///
/// The dispatcher's thread alone uses it. What is submitted comes back through `takeCommitted`, in the same order, when
/// it is as safe as the log makes it; sources are told "accepted" then, and only then deliveries start.
package protocol EventLog {
    /// What is committed survives the process, so what becomes of deliveries is recorded, too.
    var isDurable: Bool { get }

    /// An empty submission to fill.
    mutating func makeSubmission() -> LogSubmission

    /// Hands a submission over.
    ///
    /// Throws `.full` when `origin` may not submit more now; nothing is changed then, and the same submission may be
    /// offered again later.
    mutating func submit(_ submission: LogSubmission, from origin: AppendOrigin) throws(LogError)

    /// Whether a source's submission would be taken now.
    var takesSources: Bool { get }

    /// The oldest submission that is committed and was not taken yet.
    mutating func takeCommitted() -> LogSubmission?

    /// Takes a submission back that is done with.
    mutating func recycle(_ submission: LogSubmission)

    /// Whether something waits in `takeCommitted`.
    var hasCommitted: Bool { get }
    /// Whether anything was submitted that has not been taken back.
    var isBusy: Bool { get }
    /// Nothing is committed any more, and the host has to end.
    var isBroken: Bool { get }
    /// What does not add up in what was committed; `nil` when everything does. Cheap: asked for ten times a second.
    var drift: String? { get }
    /// The next submission should bring what a checkpoint takes.
    var wantsCheckpoint: Bool { get }
    /// The numbers by which records name routes and handlers.
    var numbers: LogNumbers { get }

    /// Counts a batch of copies of events that are in the log already: it takes memory until it is released.
    mutating func retain(copies batch: EventBatch)

    /// Nothing needs the batch's memory any more.
    mutating func release(_ batch: EventBatch)

    /// What is held in memory, against the bound.
    var usage: LogUsage { get }
}

/// Who submits; handlers may use the reserve that sources may not, so an emit never waits for a lane.
package enum AppendOrigin: Sendable {
    case source
    case handler
}

/// How full a log is.
package struct LogUsage: Sendable, Equatable {
    package var retainedBytes = 0
    /// What sources may fill; handlers' emits may go `reserveBytes` beyond.
    package var boundBytes: Int
    package var reserveBytes: Int
    package var retainedEvents = 0
    /// Position of the next event.
    package var nextPosition: UInt64 = 0

    package init(boundBytes: Int, reserveBytes: Int) {
        self.boundBytes = boundBytes
        self.reserveBytes = reserveBytes
    }

    /// Whether sources have to wait.
    package var isFull: Bool { retainedBytes >= boundBytes }
    /// What may be emitted and not appended yet: the reserve, as far as what is appended leaves it.
    package var emitRoomBytes: Int { max(0, min(reserveBytes, boundBytes + reserveBytes - retainedBytes)) }
    /// Whether handlers' emits are refused too.
    package var isReserveFull: Bool { retainedBytes >= boundBytes + reserveBytes }

    mutating func add(_ batch: EventBatch) {
        retainedBytes += batch.byteCount
        retainedEvents += batch.count
    }

    mutating func remove(_ batch: EventBatch) {
        retainedBytes -= batch.byteCount
        retainedEvents -= batch.count
    }
}
