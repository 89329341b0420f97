package import PatchbayLog

/// Changes streams where they are: through the host that has their folder, or in the folder while none has it.
package struct StreamDesk: ~Copyable {
    private let client: ControlClient?
    private var operations: StreamOperations?
    private let who: String
    /// Asked while a host is waited for; true gives up.
    package var isGivenUp: () -> Bool = { false }

    /// - Parameter who: for the host's record.
    /// - Throws: `.locked` when a process has the folder that takes no changes; what reading a log throws.
    package init(folder: String, who: String) throws(LogError) {
        self.who = who
        client = ControlClient(folder: folder)
        if client == nil { operations = try StreamOperations(folder: folder) }
    }

    /// Does it, and returns when it is on disk. Throws `StreamRefusal`, `ControlFailure` and `LogError`; but for a
    /// failure to reach the host, nothing was changed then.
    package mutating func apply(_ change: StreamChange) throws -> StreamResult {
        guard let client else {
            guard let answer = try operations?.apply(change) else { preconditionFailure("a desk without a folder") }
            return StreamResult(answer)
        }
        let request = ControlRequest.stream(change, by: who)
        guard request.line.count <= ControlProtocol.requestBytesMax else {
            throw StreamRefusal.impossible(
                "a running host takes at most \(ControlProtocol.requestBytesMax >> 20) MiB at once; append it in parts")
        }
        guard case .streamed(let result) = try client.ask(request, isGivenUp: isGivenUp) else {
            throw ControlFailure(.malformed, "the host answers something else than what became of a stream")
        }
        return result
    }

    /// Ends a handler's subscription, and returns when that is on disk. Throws like `apply`; `.missing` when there is none.
    package mutating func unsubscribe(_ name: String, of handler: String) throws {
        guard let client else {
            guard try operations?.unsubscribe(name, of: handler) == true else {
                throw StreamRefusal.missing("\(handler) has no subscription '\(name)'")
            }
            return
        }
        guard
            case .changed = try client.ask(.unsubscribe(name, of: handler, by: who), isGivenUp: isGivenUp)
        else { throw ControlFailure(.malformed, "the host answers something else than what became of a subscription") }
    }
}
