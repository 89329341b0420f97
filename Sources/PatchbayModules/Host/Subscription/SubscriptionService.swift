import CPatchbay
import PatchbayEvents

/// `subscribe` and `unsubscribe` of `patchbay.stream/0`: held in the call's effects until it is done, or, while the
/// handler is created, in its context until that instance is the one that holds.
enum SubscriptionService {
    static let nameBytesMax = 256
    /// Of a type pattern and of a correlation id: the log writes them with each place that a subscription reaches.
    static let textBytesMax = 1_024

    /// It becomes an attribute of events, so it obeys the rules of attributes.
    static func name(_ text: patchbay_str) throws(ServiceRefusal) -> String {
        let name = try ForeignText.string(text, max: nameBytesMax)
        guard !name.isEmpty, DraftReader.isAttributeText(name) else { throw .badArgument }
        return name
    }

    static func wish(
        _ stream: String, _ filter: UnsafePointer<patchbay_stream_filter>?, _ context: HostContext
    ) throws(ServiceRefusal) -> StreamWish {
        guard DraftReader.isAttributeText(stream) else { throw .badArgument }
        guard let filter else { return StreamWish(stream: stream) }
        guard filter.pointee.size >= UInt32(MemoryLayout<patchbay_stream_filter>.size) else { throw .badArgument }
        let wanted = filter.pointee
        // A subscription goes forward and takes what was appended at any time.
        guard wanted.flags == 0, wanted.since_ns == 0, wanted.as_of_ns == 0 else { throw .badArgument }
        guard wanted.from <= StreamWish.fromEnd else { throw .badArgument }
        let max = Self.textBytesMax
        let type = try ForeignText.string(wanted.type, max: max)
        guard type.isEmpty || context.environment.typeMatcher(type) != nil else { throw .badArgument }
        return StreamWish(
            stream: stream, from: wanted.from, type: type,
            correlation: try ForeignText.string(wanted.correlation, max: max))
    }

    static func change(
        _ change: SubscriptionChange, _ call: patchbay_call, _ context: HostContext
    ) throws(ServiceRefusal) {
        let scope = try context.requiredScope()
        let environment = context.environment
        let store = environment.subscriptions
        if call == 0, context.isCreating {
            // At a start the log's are not known yet: the dispatcher looks at it again.
            if case .subscribe(let name, _) = change, !context.wasCreated, store.isFull,
                !store.isSubscribed(name, of: scope)
            {
                throw .limit
            }
            guard context.declare(change, max: store.countMax) else { throw .limit }
            return
        }
        let refusal = environment.calls.withEffects(call) { effects -> ServiceRefusal? in
            let isThere = isSubscribed(change.name, in: effects) ?? store.isSubscribed(change.name, of: scope)
            if case .unsubscribe = change, !isThere { return .notFound }
            guard effects.subscriptions.count < environment.limits.subscriptionsPerCall,
                effects.grow(by: change.byteCount, max: environment.limits.effectBytesPerCall)
            else { return .limit }
            if !isThere {
                let hold = effects.subscriptionRoom ?? ByteRoom.Hold(store.room)
                guard hold.resize(by: 1) else { return .limit }
                effects.subscriptionRoom = hold
            }
            effects.subscriptions.append(change)
            return nil
        }
        guard let refusal else { throw .stale }
        if let refusal { throw refusal }
    }

    /// What the call's own changes say of a subscription; `nil` when they say nothing.
    private static func isSubscribed(_ wanted: String, in effects: CallEffects) -> Bool? {
        for change in effects.subscriptions.reversed() {
            switch change {
            case .subscribe(let name, _) where name == wanted: return true
            case .unsubscribe(let name) where name == wanted: return false
            default: continue
            }
        }
        return nil
    }
}

extension SubscriptionChange {
    fileprivate var name: String {
        switch self {
        case .subscribe(let name, _), .unsubscribe(let name): name
        }
    }

    fileprivate var byteCount: Int {
        switch self {
        case .subscribe(let name, let wish):
            name.utf8.count + wish.stream.utf8.count + wish.type.utf8.count + wish.correlation.utf8.count
        case .unsubscribe(let name): name.utf8.count
        }
    }
}
