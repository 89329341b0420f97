import CPatchbay
import PatchbayEvents

/// `patchbay.timer/1`: delayed events to oneself, held in the call's effects until it is done.
enum TimerService {
    static let keyBytesMax = 256

    static var table: patchbay_timer {
        patchbay_timer(
            size: UInt32(MemoryLayout<patchbay_timer>.size), reserved: 0,
            set: { host, call, key, draft in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        try TimerService.set(context, call, key, draft)
                    }
                } ?? .badArgument
            },
            cancel: { host, call, key in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        try TimerService.cancel(context, call, key)
                    }
                } ?? .badArgument
            })
    }

    static func key(_ text: patchbay_str) throws(ServiceRefusal) -> String {
        let key = try ForeignText.string(text, max: keyBytesMax)
        // It becomes an attribute of the event, so it obeys the rules of attributes.
        guard !key.isEmpty, DraftReader.isAttributeText(key) else { throw .badArgument }
        return key
    }

    private static func set(
        _ context: HostContext, _ call: patchbay_call, _ text: patchbay_str, _ draft: UnsafePointer<patchbay_draft>?
    ) throws(ServiceRefusal) {
        let scope = try context.requiredScope()
        let key = try key(text)
        var event = try DraftReader.event(draft, scope: scope, limits: context.environment.limits)
        guard event.notBefore > 0 else { throw .badArgument }
        event.event.extensions.removeAll { $0.name == PATCHBAY_TIMER_ATTRIBUTE }
        event.event.extensions.append(Event.Extension(PATCHBAY_TIMER_ATTRIBUTE, key))
        let environment = context.environment
        let size = key.utf8.count + event.byteCount
        let added = environment.calls.withEffects(call) { effects in
            guard effects.timers.count < environment.limits.timersPerCall,
                environment.timers.count + effects.timers.count < environment.timers.countMax,
                effects.grow(by: size, max: environment.limits.effectBytesPerCall)
            else { return false }
            effects.timers.append(.set(id: key, event: event))
            return true
        }
        guard let added else { throw .stale }
        guard added else { throw .limit }
    }

    private static func cancel(
        _ context: HostContext, _ call: patchbay_call, _ text: patchbay_str
    ) throws(ServiceRefusal) {
        let scope = try context.requiredScope()
        let key = try key(text)
        let environment = context.environment
        let refusal = environment.calls.withEffects(call) { effects -> ServiceRefusal? in
            guard isSet(key, in: effects) ?? environment.timers.isSet(key, of: scope) else { return .notFound }
            guard effects.timers.count < environment.limits.timersPerCall,
                effects.grow(by: key.utf8.count, max: environment.limits.effectBytesPerCall)
            else { return .limit }
            effects.timers.append(.cancel(id: key))
            return nil
        }
        guard let refusal else { throw .stale }
        if let refusal { throw refusal }
    }

    /// What the call's own changes say of a key; `nil` when they say nothing.
    private static func isSet(_ key: String, in effects: CallEffects) -> Bool? {
        for change in effects.timers.reversed() {
            switch change {
            case .set(let id, _) where id == key: return true
            case .cancel(let id) where id == key: return false
            default: continue
            }
        }
        return nil
    }
}
