import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayModules

/// The names of what the host adds to checkpoints.
enum CheckpointParts {
    static let state = Checkpoint.stateName
    static let timers = "timers"
    static let deduplication = "deduplication"
    static let subscriptions = Checkpoint.subscriptionsName

    /// How state, timers, subscriptions and deduplication stand now; encoded later. `routes` are the plan's, by name.
    static func extras(
        state: StateStore, timers: TimerStore, subscriptions: SubscriptionStore, delayed: [(due: UInt64, event: Event)],
        deduplicator: Deduplicator,
        routes: [String]
    ) -> [CheckpointExtra] {
        let keys = state.snapshot()
        let set = timers.all()
        let records = subscriptions.records
        var extras = [
            CheckpointExtra(name: Self.state) { writer in
                keys { StateRecord($0).write(to: &writer) }
            },
            CheckpointExtra(name: Self.timers) { writer in
                for timer in set {
                    TimerRecord(
                        .set, scope: timer.scope.name, key: timer.key, due: timer.event.notBefore,
                        event: timer.event.event.json
                    ).write(to: &writer)
                }
                for event in delayed {
                    TimerRecord(.delayed, scope: "", key: event.event.id, due: event.due, event: event.event.json)
                        .write(to: &writer)
                }
            },
            CheckpointExtra(name: Self.deduplication) { writer in
                for (route, window) in deduplicator.kept {
                    writer.append(counted: routes[route])
                    let length = writer.skip(8)
                    window.encode(to: &writer)
                    writer.set(UInt64(writer.count - length - 8), at: length)
                }
            },
        ]
        if !records.isEmpty {
            extras.append(
                CheckpointExtra(name: Self.subscriptions) { writer in
                    for record in records { record.write(to: &writer) }
                })
        }
        return extras
    }

    /// The windows of routes, by name.
    static func windows(_ bytes: [UInt8]) throws(LogFormatError) -> [(route: String, bytes: [UInt8])] {
        try bytes.withUnsafeBufferPointer { bytes throws(LogFormatError) in
            var reader = ByteReader(UnsafeRawBufferPointer(bytes))
            var windows: [(route: String, bytes: [UInt8])] = []
            while !reader.isAtEnd {
                let route = try reader.nextCountedText()
                let length = Int(clamping: try reader.next(UInt64.self))
                windows.append((route, [UInt8](try reader.take(length))))
            }
            return windows
        }
    }
}
