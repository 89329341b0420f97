import CPatchbay
import PatchbayEvents

/// The code that a call runs: one version of a handler as workers read it. Without references, so that reading it
/// retains nothing; whoever hands it to workers keeps the handler.
struct HandlerCode {
    let instance: OpaquePointer?
    let handle: Handler.Handle
    let handleBatch: Handler.HandleBatch?
    let cancel: Handler.Cancel?
    let batchMax: Int
    let isBlocking: Bool
    /// Whose it is, for crashes.
    let owner: CodeOwner

    /// Versions that may have calls at once: a call names its own by 16 bits.
    static let capacity = 1 << 16

    init(_ handler: Handler) {
        instance = handler.instance
        handle = handler.handle
        handleBatch = handler.handleBatch
        cancel = handler.cancel
        batchMax = handler.batchMax
        isBlocking = handler.blocking
        owner = handler.code
    }
}

/// What became of the calls of one version of a handler.
package struct CodeCounts: BitwiseCopyable, Sendable, Equatable {
    /// Given to workers, without those that came back unstarted.
    package var started: UInt64 = 0
    package var ended: UInt64 = 0
    /// That a breaker would count: retries, failures, calls that took too long.
    package var failed: UInt64 = 0
    /// Nanoseconds that those that ended took together; counted while versions are compared.
    package var nanoseconds: UInt64 = 0

    package init(started: UInt64 = 0, ended: UInt64 = 0, failed: UInt64 = 0, nanoseconds: UInt64 = 0) {
        self.started = started
        self.ended = ended
        self.failed = failed
        self.nanoseconds = nanoseconds
    }

    var open: UInt64 { started - ended }

    static func + (left: Self, right: Self) -> Self {
        CodeCounts(
            started: left.started + right.started, ended: left.ended + right.ended, failed: left.failed + right.failed,
            nanoseconds: left.nanoseconds + right.nanoseconds)
    }

    /// What came after `right`; never below 0, though calls that come back unstarted take their start back.
    static func - (left: Self, right: Self) -> Self {
        CodeCounts(
            started: left.started.after(right.started), ended: left.ended.after(right.ended),
            failed: left.failed.after(right.failed), nanoseconds: left.nanoseconds.after(right.nanoseconds))
    }
}

extension UInt64 {
    fileprivate func after(_ earlier: UInt64) -> UInt64 { self > earlier ? self - earlier : 0 }
}
