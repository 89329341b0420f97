package import PatchbayEvents

/// The append-only log of accepted events: positions are given here, and lanes are cursors over what it retains.
///
/// One writer thread, the dispatcher's. A batch is retained until nothing needs it any more (`release`); what is
/// retained is what `log.bytes` bounds. Sources are told "accepted" after `append` has returned.
package protocol EventLog {
    /// Takes a batch in and gives its events consecutive positions, stored in `batch.firstPosition`.
    ///
    /// Throws `.full` when `origin` may not take more; nothing is changed then, and the same batch may be offered
    /// again once something was released.
    mutating func append(_ batch: EventBatch, from origin: AppendOrigin) throws(LogError)

    /// Retains a batch of copies of events that were appended before: they keep what they are, and take room until
    /// they are released.
    mutating func retain(copies batch: EventBatch)

    /// Nothing needs the batch's events any more.
    mutating func release(_ batch: EventBatch)

    /// What is retained, against the bound.
    var usage: LogUsage { get }
}

/// Who appends; handlers may use the reserve that sources may not, so an emit never waits for a lane.
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
}

/// Why a log did not take a batch.
package struct LogError: Error, Sendable, Equatable, CustomStringConvertible {
    package struct Code: RawRepresentable, Sendable, Equatable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }
        /// The bound of retained bytes is reached; try again after a release.
        package static let full = Code(rawValue: "full")
    }

    package let code: Code
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "log \(code.rawValue): \(message)" }
}
