import CPatchbay
import CPatchbayJSON
import PatchbayEvents
import PatchbayLog

@testable import PatchbayModules

/// What handlers get of the streams that they have subscribed to: of each subscription every event that it wants, from
/// its place on, once and in the stream's order, in the frame that says how far it is then.
extension World {
    /// Whose a subscription is, and its name.
    struct Following: Hashable {
        var scope: String
        var name: String
    }

    /// Somebody changed a subscription, in the order in which the dispatcher did it.
    struct Intent {
        let key: Following
        let change: SubscriptionChange
        let isOperators: Bool
    }

    /// What came in by a subscription.
    fileprivate struct Arrived {
        let stream: String
        let revision: String
        let id: String
        let type: String
        let correlation: String
    }

    /// What a frame says of subscriptions and brings of them.
    struct Follow {
        /// What its calls said, in their order; none of them begins at an end that is not known.
        var said: [(key: Following, change: SubscriptionChange)] = []
        var records: [SubscriptionRecord] = []
        fileprivate var arrived: [Following: [Arrived]] = [:]
    }

    /// Follows streams from its first process on, each by a subscription of its name; some of them are there later.
    static let following = HandlerScope(name: Scenario.Part.following.handler)
    /// Subscribes and unsubscribes in its calls.
    static let subscribing = HandlerScope(name: Scenario.Part.subscribing.handler)
    static let followed = (0...7).map { stream(of: "k\($0)") }
    static let types = ["", "**", "streaming", "streaming.*", "elsewhere"]

    // MARK: Streamed events

    /// The type of what a call appends.
    static func streamedType(number: UInt64) -> String { number % 2 == 0 ? "streaming" : "streaming.more" }
    static func streamedCorrelation(_ position: UInt64) -> String { "c\(position % 3)" }

    private func kind(of id: String) -> (type: String, correlation: String) {
        let numbers = id.split(separator: "-").compactMap { UInt64($0) }
        guard numbers.count == 2 else { return ("", "") }
        return (Self.streamedType(number: numbers[1]), Self.streamedCorrelation(numbers[0]))
    }

    private func wants(_ wish: StreamWish, _ id: String) -> Bool {
        let (type, correlation) = kind(of: id)
        let isOfType =
            switch wish.type {
            case "", "**": true
            case "streaming": type == "streaming"
            case "streaming.*": type == "streaming.more"
            default: false
            }
        return isOfType && (wish.correlation.isEmpty || wish.correlation == correlation)
    }

    // MARK: Coming in

    /// An event came in by a subscription.
    func isFollowing(_ event: pbj_event, of view: BatchView) -> Bool {
        view.extensions(of: event).contains { String($0.key) == PATCHBAY_STREAM_NAME_ATTRIBUTE }
    }

    /// An event came in by a subscription; by which.
    func follow(_ event: pbj_event, of view: BatchView, to handler: UInt16, _ frame: inout Follow) -> Following {
        var attributes: [String: String] = [:]
        for attribute in view.extensions(of: event) { attributes[String(attribute.key)] = String(attribute.value) }
        let key = Following(scope: names[handler] ?? "?", name: attributes[PATCHBAY_SUBSCRIPTION_ATTRIBUTE] ?? "")
        frame.arrived[key, default: []].append(
            Arrived(
                stream: attributes[PATCHBAY_STREAM_NAME_ATTRIBUTE] ?? "",
                revision: attributes[PATCHBAY_STREAM_REVISION_ATTRIBUTE] ?? "", id: String(view.bytes(event.id)),
                type: String(view.bytes(event.type)), correlation: attributes["correlationid"] ?? ""))
        counters.followed += 1
        return key
    }

    /// After a frame, no subscription has more events that are delivered and not settled than it may.
    func checkUnsettled() {
        for (key, count) in unsettled where count > Scenario.unsettledMax {
            fail("\(count) events of \(key) are delivered and not settled, and \(Scenario.unsettledMax) may be")
        }
        if unsettled.values.contains(Scenario.unsettledMax) { counters.full += 1 }
    }

    // MARK: Changes

    /// A process begins, and its handlers want this while they are created.
    func declare(_ wishes: [StreamWish]) {
        declared = wishes.map { (Following(scope: Self.following.name, name: $0.stream), $0) }
    }

    func intend(_ changes: [SubscriptionChange], of scope: HandlerScope, isOperators: Bool = false) {
        for change in changes {
            let name =
                switch change {
                case .subscribe(let name, _), .unsubscribe(let name): name
                }
            intents.append(
                Intent(key: Following(scope: scope.name, name: name), change: change, isOperators: isOperators))
        }
    }

    /// A call's changes are in the log with its end.
    func subscribe(_ changes: [SubscriptionChange], of scope: String, _ frame: inout Follow) {
        for change in changes {
            switch change {
            case .subscribe(let name, var wish):
                if wish.from == StreamWish.fromEnd { wish.from = UInt64(streams[wish.stream]?.count ?? 0) }
                frame.said.append((Following(scope: scope, name: name), .subscribe(name: name, wish)))
            case .unsubscribe(let name): frame.said.append((Following(scope: scope, name: name), change))
            }
        }
    }

    /// A frame is in the log as a whole.
    func settle(_ frame: Follow) {
        var frame = frame
        for record in frame.records {
            let key = Following(scope: record.scope, name: record.name)
            if let known = subscriptions[key], let wish = record.wish, wish.stream == known.stream,
                wish.type == known.type, wish.correlation == known.correlation
            {
                move(key, from: known, to: wish, &frame)
            } else {
                change(key, record, &frame)
            }
        }
        // Those that are so already have no record.
        while !frame.said.isEmpty, violation == nil {
            if let (key, _) = next(&frame) { fail("a change of \(key) is not in the log with its call's end") }
        }
        for (key, events) in frame.arrived where !events.isEmpty {
            fail("\(events) came in, and the place of \(key) says nothing of that")
        }
    }

    /// A subscription is made, changed or gone: somebody wanted that.
    private func change(_ key: Following, _ record: SubscriptionRecord, _ frame: inout Follow) {
        if let index = declared.firstIndex(where: { $0.key == key }) {
            let wish = declared.remove(at: index).wish
            if changed(key, .subscribe(name: key.name, wish)) != .some(record.wish) {
                fail("\(record) is in the log, and \(wish) was wanted")
            }
            subscriptions[key] = record.wish
            return
        }
        while violation == nil {
            guard let (found, wish) = next(&frame) else {
                if intents.isEmpty { return fail("\(record) is in the log, and nobody wanted that") }
                continue
            }
            if found != key || wish != record.wish {
                fail("\(record) is in the log instead of \(found) \(wish as Any)")
            }
            return
        }
    }

    /// The next change that somebody wanted, done: whose, and what it is then. `nil` when it was so already.
    private func next(_ frame: inout Follow) -> (key: Following, wish: StreamWish?)? {
        guard !intents.isEmpty else {
            if !frame.said.isEmpty { fail("a change of \(frame.said[0].key) did not come about") }
            return nil
        }
        let intent = intents.removeFirst()
        var change = intent.change
        if !intent.isOperators {
            guard !frame.said.isEmpty, frame.said[0].key == intent.key else {
                fail("a change of \(intent.key) is in the log without its call's end")
                return nil
            }
            change = frame.said.removeFirst().change
        }
        guard let wish = changed(intent.key, change) else { return nil }
        if subscriptions[intent.key] == nil { counters.subscribed += 1 }
        if wish == nil { if intent.isOperators { counters.ended += 1 } else { counters.unsubscribed += 1 } }
        let others = subscriptions.filter { $0.key != intent.key && $0.key.scope == intent.key.scope }
        if let wish, others.values.contains(where: { $0.stream == wish.stream }) { counters.doubled += 1 }
        subscriptions[intent.key] = wish
        return (intent.key, wish)
    }

    /// What becomes of a subscription, `nil` when it is so already.
    private func changed(_ key: Following, _ change: SubscriptionChange) -> StreamWish?? {
        let known = subscriptions[key]
        guard case .subscribe(_, var wish) = change else { return known == nil ? .none : .some(nil) }
        if let known, known.stream == wish.stream { wish.from = known.from }
        return wish == known ? .none : .some(wish)
    }

    /// A subscription is further: what it wants of what is between has come in.
    private func move(_ key: Following, from known: StreamWish, to wish: StreamWish, _ frame: inout Follow) {
        let ids = streams[wish.stream] ?? []
        guard known.from <= wish.from, wish.from <= UInt64(ids.count) else {
            return fail("\(key) goes from \(known.from) to \(wish.from) of \(ids.count) events")
        }
        for revision in Int(known.from)..<Int(wish.from) {
            let id = ids[revision]
            let arrived = frame.arrived[key]?.first
            if let arrived, arrived.revision == String(revision) {
                frame.arrived[key]?.removeFirst()
                let (type, correlation) = kind(of: id)
                if arrived.stream != wish.stream || arrived.id != id || !wants(wish, id) || arrived.type != type
                    || arrived.correlation != correlation
                {
                    fail("\(arrived) came in by \(key), which wants \(wish), as revision \(revision), which is \(id)")
                }
            } else if !wants(wish, id) {
                counters.unwanted += 1
            } else if revision >= truncated[wish.stream] ?? 0 {
                fail("\(key) is at \(wish.from), and \(id), which is revision \(revision), did not come")
            } else {
                counters.truncatedPast += 1
            }
        }
        subscriptions[key] = wish
    }

    // MARK: Checks

    /// The log knows all of them, what they want, and how far they are.
    func check(_ store: SubscriptionStore) {
        let found = store.records.map { (Following(scope: $0.scope, name: $0.name), $0.wish) }
        for (key, wish) in found where subscriptions[key] != wish {
            fail("\(key) is \(wish as Any), and was \(subscriptions[key] as Any)")
        }
        if found.count != subscriptions.count {
            fail("\(subscriptions.keys) are subscriptions, and \(found.map(\.0)) in the log")
        }
    }

    /// All that is wanted of what is in streams has come.
    var isFollowed: Bool {
        subscriptions.values.allSatisfy { wish in
            let ids = streams[wish.stream] ?? []
            let next = max(Int(clamping: wish.from), truncated[wish.stream] ?? 0)
            return next >= ids.count || !ids[next...].contains { wants(wish, $0) }
        }
    }
}
