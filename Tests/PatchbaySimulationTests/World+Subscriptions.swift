import CPatchbay
import CPatchbayJSON
import PatchbayEvents
import PatchbayLog

@testable import PatchbayModules

/// What `following` gets of streams: each event once, in its stream's order, in the frame that says so.
extension World {
    static let following = HandlerScope(name: Scenario.Part.following.handler)
    /// The streams that it follows from its first process on, named alike; they are there later.
    static let followed = (0...7).map { stream(of: "k\($0)") }

    /// An event came in by a subscription.
    func isFollowing(_ event: pbj_event, of view: BatchView) -> Bool {
        view.extensions(of: event).contains { String($0.key) == PATCHBAY_STREAM_NAME_ATTRIBUTE }
    }

    /// An event came in by a subscription; of which stream.
    func follow(_ event: pbj_event, of view: BatchView) -> String {
        var attributes: [String: String] = [:]
        for attribute in view.extensions(of: event) { attributes[String(attribute.key)] = String(attribute.value) }
        let stream = attributes[PATCHBAY_STREAM_NAME_ATTRIBUTE] ?? ""
        let next = followed[stream, default: 0]
        if attributes[PATCHBAY_STREAM_REVISION_ATTRIBUTE] != String(next)
            || attributes[PATCHBAY_SUBSCRIPTION_ATTRIBUTE] != stream
        {
            fail("\(attributes) came in, and revision \(next) of \(stream) was to")
        }
        followed[stream] = next + 1
        counters.followed += 1
        return stream
    }

    /// After a frame, no subscription has more events that are delivered and not settled than it may.
    func checkUnsettled() {
        for (stream, count) in unsettled where count > Scenario.unsettledMax {
            fail("\(count) events of \(stream) are delivered and not settled, and \(Scenario.unsettledMax) may be")
        }
        if unsettled.values.contains(Scenario.unsettledMax) { counters.full += 1 }
    }

    /// A frame says how far a subscription is; which events have to be in it.
    func move(_ record: SubscriptionRecord) -> [String] {
        guard let wish = record.wish, record.scope == Self.following.name, record.name == wish.stream else {
            fail("\(record) is no subscription of the simulation")
            return []
        }
        let (before, next) = (places[wish.stream] ?? 0, Int(wish.from))
        let ids = streams[wish.stream] ?? []
        guard before <= next, next <= ids.count else {
            fail("a subscription to \(wish.stream) of \(ids.count) events goes from \(before) to \(next)")
            return []
        }
        places[wish.stream] = next
        return Array(ids[before..<next])
    }

    /// The log knows how far they are.
    func check(_ subscriptions: SubscriptionStore) {
        for record in subscriptions.records {
            let next = Int(record.wish?.from ?? 0)
            if next != places[record.name] ?? -1 || next != followed[record.name, default: 0] {
                fail(
                    "the subscription to \(record.name) is at \(next), and was at \(places[record.name] ?? -1) with "
                        + "\(followed[record.name, default: 0]) events")
            }
        }
        if subscriptions.records.count != places.count {
            fail("\(places.count) subscriptions were made, and \(subscriptions.records.count) are")
        }
    }

    /// All that is in a stream has come.
    var isFollowed: Bool { streams.allSatisfy { followed[$0.key] == $0.value.count } }
}
