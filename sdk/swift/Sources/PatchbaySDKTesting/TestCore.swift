import CPatchbay
import PatchbaySDK
import Synchronization

/// The host side of one instance.
///
/// Invariant behind the unchecked conformance: the pointers are written in `init` and freed in `deinit`; `journal` and
/// `lent` lock themselves.
final class TestCore: @unchecked Sendable {
    /// What the instance's host pointer points at: the ABI's table, and the way back from it.
    struct HostBox {
        var host: patchbay_host
        unowned(unsafe) var core: TestCore?
    }

    let journal = Mutex(TestJournal())
    private let lent = Mutex<[patchbay_call: UInt]>([:])
    private let box: UnsafeMutablePointer<HostBox>
    private let table: UnsafePointer<patchbay_handler>
    private var instance: OpaquePointer?

    init(
        _ registration: Registration, _ configuration: JSON,
        create: (HostPointer?, patchbay_str, UnsafeMutablePointer<OpaquePointer?>?) -> Int32
    ) throws {
        table = registration.table
        box = .allocate(capacity: 1)
        box.initialize(to: HostBox(host: testHostTable(), core: nil))
        box.pointee.core = self
        let host = UnsafeRawPointer(box).assumingMemoryBound(to: patchbay_host.self)
        var text = configuration.description
        let status = text.withUTF8 { bytes in
            let start = UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
            return create(host, patchbay_str(ptr: start, len: UInt64(bytes.count)), &instance)
        }
        guard status >= 0, instance != nil else {
            instance = nil
            throw TestHostError(status: status, message: journal.withLock { $0.errorMessage })
        }
        journal.withLock { $0.isCreated = true }
    }

    deinit {
        if let instance { table.pointee.destroy(instance) }
        for address in lent.withLock({ $0.values }) { LentEvent.Box.free(address) }
        box.deallocate()
    }

    static func of(_ host: HostPointer?) -> TestCore {
        guard let host, let core = UnsafeRawPointer(host).assumingMemoryBound(to: HostBox.self).pointee.core else {
            preconditionFailure("a handler called the host with another pointer than its own")
        }
        return core
    }

    /// Begins calls, hands them to the handler, and returns when it has.
    func start(_ events: [TestEvent], asBatch: Bool = false) -> [patchbay_call] {
        let calls = events.map { _ in journal.withLock { $0.begin() } }
        let lentEvents = events.map { LentEvent($0) }
        lent.withLock { lent in
            for (call, event) in zip(calls, lentEvents) { lent[call] = LentEvent.Box.keep(event) }
        }
        if asBatch {
            let views = lentEvents.map { Optional(UnsafePointer($0.event)) }
            guard let handleBatch = table.pointee.handle_batch else {
                preconditionFailure("the handler is no BatchHandler")
            }
            settle(calls, handleBatch(instance, UInt64(calls.count), calls, views))
        } else {
            for (call, event) in zip(calls, lentEvents) {
                settle([call], table.pointee.handle(instance, call, event.event))
            }
        }
        return calls
    }

    func reconfigure(_ configuration: JSON) throws {
        guard let reconfigure = table.pointee.reconfigure else { return }
        var text = configuration.description
        let status = text.withUTF8 { bytes in
            let start = UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self)
            return reconfigure(instance, patchbay_str(ptr: start, len: UInt64(bytes.count)))
        }
        guard status < 0 else { return }
        throw TestHostError(status: status, message: journal.withLock { $0.errorMessage })
    }

    func drain(_ deadline: UInt64?) throws {
        guard let drain = table.pointee.drain, case let status = drain(instance, deadline ?? 0), status < 0 else {
            return
        }
        throw TestHostError(status: status, message: journal.withLock { $0.errorMessage })
    }

    func cancel(_ calls: [patchbay_call], _ why: CancelReason) {
        for call in calls {
            journal.withLock { $0.open[call]?.cancelled = why.rawValue }
            table.pointee.cancel?(instance, call, why.rawValue)
        }
    }

    /// Waits until all are completed or the time is up, of which a turn that came late costs only a little: where tests
    /// that block keep this task waiting, they keep the handler waiting, too. A handler that still owes a completion
    /// may use its event and its host whenever it likes, so both stay for the rest of the process.
    func report(of calls: [patchbay_call], within timeout: Duration) async -> [TestReport?] {
        var waited = Duration.zero
        while journal.withLock({ journal in calls.contains { journal.open[$0] != nil } }), waited < timeout {
            let start = ContinuousClock.now
            defer { waited += min(ContinuousClock.now - start, .milliseconds(10)) }
            do {
                try await Task.sleep(for: .microseconds(200))
            } catch {
                break
            }
        }
        if journal.withLock({ journal in calls.contains { journal.open[$0] != nil } }) {
            _ = Unmanaged.passRetained(self)
        }
        return calls.map { call in
            guard let report = journal.withLock({ $0.reports.removeValue(forKey: call) }) else { return nil }
            if let address = lent.withLock({ $0.removeValue(forKey: call) }) { LentEvent.Box.free(address) }
            return report
        }
    }

    /// What a status of handle or handle_batch means for calls that were not completed.
    private func settle(_ calls: [patchbay_call], _ status: patchbay_status) {
        guard status != patchbay_status(PATCHBAY_PENDING) else { return }
        journal.withLock { journal in
            for call in calls where journal.open[call] != nil {
                var result = patchbay_result()
                result.outcome = Int32(status < 0 ? PATCHBAY_RETRY : PATCHBAY_DONE)
                _ = journal.complete(call, result)
                if status < 0 { journal.reports[call]?.reason = journal.errorMessage }
            }
        }
    }
}

extension LentEvent {
    /// Carries a lent event through a lock that only takes Sendable values.
    enum Box {
        static func keep(_ event: LentEvent) -> UInt {
            let place = UnsafeMutablePointer<LentEvent>.allocate(capacity: 1)
            place.initialize(to: event)
            return UInt(bitPattern: place)
        }

        static func free(_ address: UInt) {
            guard let place = UnsafeMutablePointer<LentEvent>(bitPattern: address) else { return }
            place.pointee.free()
            place.deallocate()
        }
    }
}
