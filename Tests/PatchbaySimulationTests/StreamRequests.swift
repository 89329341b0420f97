import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayResilience

@testable import PatchbayModules

/// Truncates and deletes streams and ends subscriptions of a process that runs, as operators' requests do.
final class StreamRequests: @unchecked Sendable {
    // Invariant: a simulation has one thread.
    private let requests: Requests
    private let streams: StreamStore
    private let subscriptions: SubscriptionStore
    private let world: World
    private var random: SeededRandom

    init(
        _ requests: Requests, _ streams: StreamStore, _ subscriptions: SubscriptionStore, _ world: World,
        random: SeededRandom
    ) {
        self.requests = requests
        self.streams = streams
        self.subscriptions = subscriptions
        self.world = world
        self.random = random
    }

    /// Hands a request over now and then; false when it does not.
    func turn() -> Bool {
        guard requests.isFree, random.upTo(150) == 0 else { return false }
        let subject = random.upTo(7)
        let stream = World.stream(of: "k\(subject)")
        guard let info = streams[stream] else { return false }
        let change =
            switch random.upTo(7) {
            case 0...2:
                ended("w\(random.upTo(3))")
            // The others go on.
            case 3 where subject > 5: changed(.delete(stream: stream, expected: .any))
            default:
                changed(.truncate(stream: stream, before: info.first + random.upTo((info.next - info.first) / 2)))
            }
        return requests.offer(change) { _ in }
    }

    private func changed(_ change: StreamChange) -> ControlChange {
        ControlChange { [self] unixNow in
            var record: StreamRecord?
            do throws(StreamRefusal) {
                _ = try streams.apply(change, now: unixNow) { record = $0 }
            } catch {
                // It was deleted before its turn came.
                return nil
            }
            if let record { world.streamsToChange.append(record) }
            return record
        }
    }

    private func ended(_ name: String) -> ControlChange {
        ControlChange(subscriptions: { [self] records in
            world.intend([.unsubscribe(name: name)], of: World.subscribing, isOperators: true)
            return subscriptions.unsubscribe(name, of: World.subscribing) { $0.write(to: &records) }
        })
    }
}
