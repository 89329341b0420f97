/// A handler that works on the calling thread: the shortest way from an event to its outcome.
///
/// One value is made per configured instance and called on as many threads at once as the manifest's `concurrency`
/// admits, so what it changes needs a lock. A handler that waits says `"blocking": true` in the manifest (the default).
public protocol Handler: Configurable {
    /// Handles one event. An error that leaves it counts as `.retry`, a `JSONError` as `.reject`.
    func handle(_ event: borrowing EventView, _ call: Call) throws -> Outcome
}

/// A handler that handles several events at once, for work that is cheaper together. Needs `batch` in the manifest.
public protocol BatchHandler: Handler {
    /// Handles the batch: `batch.complete(_:with:)` settles one event, `batch.defer(_:)` gives the right to do so later.
    /// Events that it leaves are done when this returns, and tried again when it throws.
    func handle(_ batch: borrowing Batch) throws
}

/// A handler that waits without holding a thread. A cancelled call cancels its task.
public protocol AsyncHandler: Configurable {
    /// Handles one event in a task of its own. An error that leaves it counts as `.retry`, a `JSONError` as `.reject`,
    /// a `CancellationError` as `.cancelled`.
    func handle(_ event: borrowing EventView, _ call: Call) async throws -> Outcome
}

/// What a handler is made from.
public protocol Configurable: Sendable {
    /// Decoded from the instance's configuration, which the host has checked against the manifest's `config` schema.
    associatedtype Configuration: Decodable = NoConfiguration

    /// Makes an instance. An error refuses the configuration: its description is what the operator reads.
    init(configuration: Configuration, host: Host) throws
}

/// For handlers without configuration.
public struct NoConfiguration: Decodable, Sendable {
    /// The only value.
    public init() {}
}
