import CPatchbay
import CPatchbayIsolation
import CPatchbaySystem
import Glibc
import PatchbayEvents
import Synchronization
import Testing

@testable import PatchbayModules

/// A worker's end of the services in this process: what a module in a worker calls, over memory that is shared with
/// nobody, and a thread that serves it as a host does.
final class WorkerEnd: @unchecked Sendable {
    // Invariant: the space is freed after its thread has ended; its functions may be called from any thread.
    private let calls: CallTable
    private var space: OpaquePointer?
    private var client: OpaquePointer?
    private var server: OwnThread?
    private let isEnding = Atomic<Bool>(false)
    /// By the worker's numbers.
    private let hostCalls = Mutex<[patchbay_call: patchbay_call]>([:])
    private var context: HostContext?
    private nonisolated(unsafe) var hostPointer: UnsafePointer<patchbay_host>?

    init(calls: CallTable) { self.calls = calls }

    func host(for context: HostContext) -> UnsafePointer<patchbay_host> {
        self.context = context
        let pointer = HostBlock.make(for: context)
        hostPointer = pointer
        let owner = pbi_owner(
            context: Unmanaged.passUnretained(self).toOpaque(), retain: { _ in }, release: { _ in },
            answered: { context, message, length in
                guard let context, let message else { return }
                Unmanaged<WorkerEnd>.fromOpaque(context).takeUnretainedValue().answer(message, length)
            })
        var files: [Int32] = [-1, -1]
        guard let space = pbi_space_new(pointer, &files, owner),
            let client = pbi_client_new(pbi_space_memory(space), files[1]),
            let host = pbi_client_host(client, 1)
        else { preconditionFailure("no memory for a worker's end") }
        self.space = space
        self.client = client
        do {
            server = try OwnThread("test-serve") { [unowned self] in serve() }
        } catch {
            preconditionFailure("\(error)")
        }
        return host
    }

    func open(_ call: patchbay_call, _ event: UnsafePointer<patchbay_event>) -> patchbay_call {
        let slot = pbi_open(space, call, event)
        let number = pbi_worker_call(space, slot)
        hostCalls.withLock { $0[number] = call }
        return number
    }

    /// Calls that a test made up are nobody's.
    func hostCall(_ call: patchbay_call) -> patchbay_call { hostCalls.withLock { $0[call] ?? call } }

    func close(_ call: patchbay_call) { pbi_close(space, UInt32(call & 0xFF_FFFF), hostCall(call)) }

    func end() {
        guard let space else { return }
        isEnding.store(true, ordering: .releasing)
        pbs_event_set(pbi_bell(space))
        server?.join()
        pbi_space_free(space)
    }

    private func serve() {
        while !isEnding.load(ordering: .acquiring) {
            var file = pollfd(fd: pbi_bell(space), events: Int16(POLLIN), revents: 0)
            poll(&file, 1, 1_000)
            let result = pbi_serve_bell(
                space,
                { context, _ in
                    guard let context else { return nil }
                    return Unmanaged<WorkerEnd>.fromOpaque(context).takeUnretainedValue().hostPointer
                }, Unmanaged.passUnretained(self).toOpaque())
            if result != Int32(PBI_RAN) { Issue.record("the services did not understand their own client") }
            settleCompleted()
        }
    }

    private func answer(_ message: UnsafeMutablePointer<UInt8>, _ length: UInt64) {
        pbi_client_answered(message, length)
        free(message)
    }

    private func settleCompleted() {
        guard let hostPointer else { return }
        while case let slot = pbi_next_completed(space), slot != 0 {
            let call = hostCalls.withLock { $0[pbi_worker_call(space, slot)] }
            if let call { _ = pbi_settle(space, slot, call, hostPointer) }
        }
    }
}

/// Where services are called from: what they do has to come out the same.
enum ServiceWay: CaseIterable {
    @TaskLocal static var current = ServiceWay.inline

    case inline, worker
}

/// Runs every test of a suite with the host's own tables, and once more with those that modules in workers get.
struct InlineAndFromWorker: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        for way in ServiceWay.allCases { try await ServiceWay.$current.withValue(way, operation: function) }
    }
}

extension Trait where Self == InlineAndFromWorker {
    static var inlineAndFromWorker: Self { Self() }
}
