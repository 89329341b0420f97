import CPatchbay
public import PatchbaySDK
import Synchronization

/// Runs one handler in the test's own process, through the same C functions as the runtime, without a file or a runtime.
///
///     let host = try TestHost(Charge.self, configuration: ["limit": 50])
///     let report = await host.send(TestEvent(type: "com.acme.order.paid", json: ["id": "A-1", "amount": 5]))
///     #expect(report.outcome == .done)
///
/// State, timers and streams last as long as the test host. Effects count only after `.done`, as in the runtime.
public final class TestHost: Sendable {
    private let core: TestCore

    /// Makes an instance. Throws `TestHostError` with what the handler's `init`, or the decoding, said.
    public init<H: Handler>(_ type: H.Type, configuration: JSON = [:]) throws {
        core = try TestCore(Registration("test", create: { _, _, _ in 0 }), configuration) {
            H.patchbayCreate($0, $1, $2)
        }
    }

    /// Makes an instance of a handler that takes batches too.
    public init<H: BatchHandler>(_ type: H.Type, configuration: JSON = [:]) throws {
        core = try TestCore(Registration("test", batch: true, create: { _, _, _ in 0 }), configuration) {
            H.patchbayCreate($0, $1, $2)
        }
    }

    /// Makes an instance of an asynchronous handler.
    public init<H: AsyncHandler>(_ type: H.Type, configuration: JSON = [:]) throws {
        core = try TestCore(Registration("test", create: { _, _, _ in 0 }), configuration) {
            H.patchbayCreate($0, $1, $2)
        }
    }

    /// Sends an event and waits for its completion. Returns nil when none comes within `timeout`, which does not run
    /// while tests that block keep tasks from running.
    public func send(_ event: TestEvent, timeout: Duration = .seconds(60)) async -> TestReport? {
        await core.report(of: core.start([event]), within: timeout).first ?? nil
    }

    /// Sends events as one batch; the handler is a `BatchHandler`. One report for each event, in their order.
    public func send(batch events: [TestEvent], timeout: Duration = .seconds(60)) async -> [TestReport?] {
        await core.report(of: core.start(events, asBatch: true), within: timeout)
    }

    /// Sends an event, cancels its call as the runtime would, and waits for its completion.
    public func sendAndCancel(
        _ event: TestEvent, why: CancelReason = .timeout, timeout: Duration = .seconds(60)
    ) async -> TestReport? {
        let calls = core.start([event])
        core.cancel(calls, why)
        return await core.report(of: calls, within: timeout).first ?? nil
    }

    /// Gives the instance another configuration. Throws `TestHostError` with what the handler said, and where it is not
    /// `Reconfigurable`.
    public func reconfigure(_ configuration: JSON) throws { try core.reconfigure(configuration) }

    /// Says that no new call will come, as the runtime does before it drops an instance. Throws `TestHostError` with what
    /// the handler said.
    public func drain(deadlineNanoseconds: UInt64? = nil) throws { try core.drain(deadlineNanoseconds) }

    /// Appends an event to a stream, as somebody else would.
    public func append(_ draft: EventDraft, to stream: String) {
        core.journal.withLock { $0.streams[stream, default: []].append(draft) }
    }

    /// The committed events of a stream, by revision.
    public func stream(_ name: String) -> [EventDraft] { core.journal.withLock { $0.streams[name] ?? [] } }

    /// The committed snapshots of a stream, by revision.
    public func snapshots(of stream: String) -> [UInt64: [UInt8]] {
        core.journal.withLock { $0.snapshots[stream] ?? [:] }
    }

    /// The stream that a subscription of this name reads. Subscriptions are kept and bring nothing: a test hands their
    /// events in itself.
    public func subscription(_ name: String) -> String? { core.journal.withLock { $0.subscriptions[name] } }

    /// The committed value of a state key; nil when there is none.
    public func state(_ key: String) -> [UInt8]? { core.journal.withLock { $0.committed[key]?.value } }

    /// When the timer of this key fires, in nanoseconds since the Unix epoch; nil: none is set.
    public func timer(_ key: String) -> UInt64? { core.journal.withLock { $0.timers[key]?.notBeforeNanoseconds } }

    /// Answers requests in their service's place. A `Fault` that `body` throws is what the handler gets, a `ServiceError`
    /// is the host's refusal; until this is called, the host has no network. On the handler's thread.
    public func serve(_ body: @escaping @Sendable (HTTPRequest) throws -> HTTPResponse) {
        core.journal.withLock { $0.service = body }
    }

    /// The same for mail: `body` returns when it takes it on.
    public func takeMail(_ body: @escaping @Sendable (Mail) throws -> Void) {
        core.journal.withLock { $0.mailServer = body }
    }

    /// The requests that the handler sent, in this order.
    public var requests: [HTTPRequest] { core.journal.withLock { $0.requests } }

    /// The mails that the handler sent, in this order.
    public var mails: [Mail] { core.journal.withLock { $0.mails } }

    /// What the handler logged, in this order, also outside calls.
    public var logs: [TestLog] { core.journal.withLock { $0.logs } }

    /// What the handler measured, in this order.
    public var measurements: [TestMeasurement] { core.journal.withLock { $0.measurements } }

    /// How often the handler completed a call that was over already.
    public var staleCompletions: Int { core.journal.withLock { $0.staleCompletions } }
}

/// Why a handler could not be made, or what it said to a new configuration or to being drained.
public struct TestHostError: Error, CustomStringConvertible {
    /// The `patchbay_status`.
    public let status: Int32
    /// What the handler said.
    public let message: String
    /// Status and message.
    public var description: String { "refused (\(status)): \(message)" }
}
