import PatchbayEvents
import PatchbayLog
import Testing

/// What a program that knows no subscriptions must not pass over has a version that it does not read.
@Suite struct `the version of what holds subscriptions` {
    private let record = SubscriptionRecord(
        scope: "shop.view", name: "all", wish: StreamWish(stream: "orders", from: 7, type: "a.*", correlation: "c-1"))

    private func frame(_ kinds: [SectionKind]) throws -> [LogRecord] {
        var builder = FrameBuilder()
        _ = builder.begin()
        for kind in kinds {
            builder.add(kind) { writer in
                if kind == .subscriptions { record.write(to: &writer) }
                if kind == .timers { TimerRecord(.fired, scope: "s", key: "k").write(to: &writer) }
            }
        }
        let header = builder.end(FrameHeader())
        #expect(header.version == (kinds.contains(.subscriptions) ? 3 : 1))
        var records: [LogRecord] = []
        try FrameView(builder.bytes).forEachRecord { records.append($0) }
        return records
    }

    @Test func `is 3 for a frame with some, which tells them again`() throws {
        #expect(try frame([.timers]).count == 1)
        let records = try frame([.timers, .subscriptions])
        guard case .subscription(let read) = try #require(records.last) else {
            Issue.record("no subscription: \(records)")
            return
        }
        #expect(read == record)
    }

    @Test func `is 3 for a checkpoint with some, and 2 for others`() throws {
        for hasSome in [false, true] {
            var builder = CheckpointBuilder(Ledger(), writtenAt: 1)
            builder.add("timers") { _ in }
            if hasSome { builder.add(Checkpoint.subscriptionsName) { record.write(to: &$0) } }
            let bytes = [UInt8](builder.finish())
            #expect(bytes[8] == (hasSome ? 3 : 2))
            let read = try bytes.withUnsafeBytes { try Checkpoint($0) }
            #expect((read.extra(Checkpoint.subscriptionsName) != nil) == hasSome)
        }
    }
}
