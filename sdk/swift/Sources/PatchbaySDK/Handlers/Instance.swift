import CPatchbay
import Synchronization

/// One configured handler: what the ABI's opaque instance points to.
@usableFromInline
class Instance: @unchecked Sendable {
    // Invariant behind the unchecked conformance: what is written is written before the host gets the instance.
    let services: ServicesReference
    var reconfigurable: (any Reconfigurable)?
    var drainable: (any Drainable)?
    private let owner: ServicesOwner

    init(owner: ServicesOwner) {
        self.owner = owner
        services = owner.reference
    }

    func handle(_ id: patchbay_call, _ event: UnsafePointer<patchbay_event>) -> patchbay_status {
        preconditionFailure("the subclass handles")
    }

    func handle(batch: borrowing Batch) -> patchbay_status { patchbay_status(PATCHBAY_E_UNSUPPORTED) }

    func cancel(_ id: patchbay_call) {}

    func reconfigure(_ text: String) -> patchbay_status {
        guard let reconfigurable else {
            return refuse(patchbay_status(PATCHBAY_E_UNSUPPORTED), "takes no new configuration while it runs")
        }
        do {
            try reconfigurable.takeConfiguration(text)
            return patchbay_status(PATCHBAY_OK)
        } catch {
            return refuse(patchbay_status(PATCHBAY_E_ARG), String(describing: error))
        }
    }

    func drain(_ deadline: UInt64) -> patchbay_status {
        do {
            try drainable?.drain(deadlineNanoseconds: deadline == 0 ? nil : deadline)
            return patchbay_status(PATCHBAY_OK)
        } catch {
            return refuse(patchbay_status(PATCHBAY_E_INTERNAL), String(describing: error))
        }
    }

    func refuse(_ status: patchbay_status, _ message: String) -> patchbay_status {
        let host = services.pointee.host
        message.withText { host.pointee.set_error(host, $0) }
        return status
    }
}

/// An instance of a `Handler`.
final class SynchronousInstance: Instance, @unchecked Sendable {
    // Invariant behind the unchecked conformance: what `body` captures, the handler, is Sendable.
    private let body: (UnsafePointer<patchbay_event>, Call) throws -> Outcome
    private let batchBody: ((borrowing Batch) throws -> Void)?

    init(
        owner: ServicesOwner, body: @escaping (UnsafePointer<patchbay_event>, Call) throws -> Outcome,
        batchBody: ((borrowing Batch) throws -> Void)?
    ) {
        self.body = body
        self.batchBody = batchBody
        super.init(owner: owner)
    }

    override func handle(_ id: patchbay_call, _ event: UnsafePointer<patchbay_event>) -> patchbay_status {
        let call = Call(id: id, services: services)
        let outcome: Outcome
        do {
            outcome = try body(event, call)
        } catch {
            outcome = Outcome(throwing: error)
        }
        if outcome.isPlainDone { return patchbay_status(PATCHBAY_OK) }
        call.complete(with: outcome)
        return patchbay_status(PATCHBAY_OK)
    }

    override func handle(batch: borrowing Batch) -> patchbay_status {
        guard let batchBody else { return patchbay_status(PATCHBAY_E_UNSUPPORTED) }
        do {
            try batchBody(batch)
            return patchbay_status(batch.settlesRest(with: .done) ? PATCHBAY_PENDING : PATCHBAY_OK)
        } catch {
            let reason = String(describing: error)
            if batch.settlesRest(with: .retry(reason)) { return patchbay_status(PATCHBAY_PENDING) }
            return refuse(patchbay_status(PATCHBAY_E_INTERNAL), reason)
        }
    }
}

/// An instance of an `AsyncHandler`: one task per open call.
final class AsynchronousInstance: Instance, @unchecked Sendable {
    // Invariant behind the unchecked conformance: `tasks` locks itself, and what `body` captures is Sendable.
    private let body: @Sendable (UnsafePointer<patchbay_event>, Call) async throws -> Outcome
    private let tasks = Mutex<[patchbay_call: Task<Void, Never>]>([:])

    init(
        owner: ServicesOwner,
        body: @escaping @Sendable (UnsafePointer<patchbay_event>, Call) async throws -> Outcome
    ) {
        self.body = body
        super.init(owner: owner)
    }

    override func handle(_ id: patchbay_call, _ event: UnsafePointer<patchbay_event>) -> patchbay_status {
        // The event is (call): the host keeps it until the task has completed the call.
        nonisolated(unsafe) let event = event
        let call = Call(id: id, services: services)
        // Made under the lock, so that a task that ends at once finds its entry to remove.
        tasks.withLock { tasks in
            tasks[id] = Task { [self] in
                let outcome: Outcome
                do {
                    outcome = try await body(event, call)
                } catch {
                    outcome = Outcome(throwing: error)
                }
                self.tasks.withLock { _ = $0.removeValue(forKey: id) }
                call.complete(with: outcome)
            }
        }
        return patchbay_status(PATCHBAY_PENDING)
    }

    override func cancel(_ id: patchbay_call) {
        tasks.withLock { $0[id] }?.cancel()
    }
}

extension Call {
    @discardableResult
    func complete(with outcome: Outcome) -> Bool {
        let host = services.pointee.host
        return outcome.withResult { host.pointee.complete(host, id, $0) } >= 0
    }
}
