import Logging
import PatchbayDispatch
import PatchbayEvents
import PatchbayModules
import Testing

@testable import PatchbayLog
@testable import PatchbayRuntime

/// What a log keeps beside a value of a handler's state.
@Suite(.inlineAndIsolated) struct StateOriginTests {
    private let scope = HandlerScope(instance: "shop", handler: "count")

    /// A record as frames of version 1 have it.
    private func oldRecord(_ writer: inout ByteWriter) {
        writer.append(UInt16(10))
        writer.append(UInt16(1))
        writer.append(UInt32(3))
        writer.append(UInt64(7))
        writer.append(UInt64(0))
        writer.append("shop.count")
        writer.append("k")
        writer.append("old")
        writer.pad(to: 8)
    }

    private func state(_ storage: MemoryStorage) throws -> (StateStore, LogWriter) {
        let state = StateStore()
        let folder = try DataFolder.open(
            storage, lock: nil, settings: LogSettings(), names: (["all"], ["shop.count"]), fingerprint: "f",
            state: state, timers: TimerStore(), streams: StreamStore(), subscriptions: SubscriptionStore(),
            deduplicator: Deduplicator(DispatchPlan(routes: [], lanes: [])), doorbell: Doorbell(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: 1, unixNow: 1)
        return (state, folder.writer)
    }

    private func changes(_ state: StateStore) -> [StateStore.Change] {
        var changes: [StateStore.Change] = []
        state.snapshot()({ changes.append($0) })
        return changes
    }

    @Test func `is not known in a folder from before, which opens, and is kept from then on`() throws {
        let storage = MemoryStorage()
        do {
            var store = try SegmentStore.open(
                storage.folder("log"), options: SegmentStore.Options(), after: 0
            ) { (_, _) throws(LogError) in }
            var builder = FrameBuilder()
            _ = builder.begin()
            builder.add(.stateWithoutOrigin) { oldRecord(&$0) }
            let header = builder.end(store.nextHeader)
            #expect(header.version == 1)
            _ = try store.append(builder.bytes, headers: [header])
            try store.sync()
        }
        let origin = StateOrigin(definition: 0x1234, position: 5)
        do {
            let (state, writer) = try state(storage)
            #expect(
                changes(state) == [
                    StateStore.Change(
                        scope: scope, key: "k", value: Array("old".utf8), revision: 7, expires: 0, origin: .unknown)
                ])
            let write = StateWrite(key: "k", value: Array("new".utf8), expectedRevision: 7, timeToLive: 0)
            let submission = LogSubmission()
            let isCommitted = state.commit(
                [write], of: scope, from: origin, now: 2, into: &submission.journal.state)
            #expect(isCommitted)
            let box = try #require(writer.takeCommitter())
            try box.committer.commit([submission], unixNow: 2)
            // Both ways that a start takes: frames, and a checkpoint.
            #expect(changes(try self.state(storage).0).map(\.origin) == [origin])
            let extras = CheckpointParts.extras(
                state: state, timers: TimerStore(), subscriptions: SubscriptionStore(), delayed: [],
                deduplicator: Deduplicator(DispatchPlan(routes: [], lanes: [])), routes: [])
            try box.committer.checkpoint(extras, unixNow: 3)
        }
        let checkpoints = try CheckpointStore(try storage.folder("checkpoint")).loadAll().whole
        var kept: [StateRecord] = []
        try checkpoints.last?.forEachState { kept.append($0) }
        #expect(kept.map(\.origin) == [origin] && kept.map(\.value) == [Array("new".utf8)])
        #expect(changes(try state(storage).0).map(\.origin) == [origin])
    }

    @Test func `names code by module, version and handler`() {
        // printf 'orders\0001.0.0\000charge' | sha256sum
        #expect(
            StableHash.text(Handler.definition(module: "orders", version: "1.0.0", handler: "charge"))
                == "1cac073962c985f7")
        #expect(StableHash.text(1) == "0000000000000001")
    }
}
