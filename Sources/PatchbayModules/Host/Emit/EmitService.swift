package import CPatchbay
package import PatchbayEvents

/// `patchbay.emit/1`: new events, held in the call's effects until it is done.
package enum EmitService {
    static var table: patchbay_emit {
        patchbay_emit(
            size: UInt32(MemoryLayout<patchbay_emit>.size), reserved: 0,
            add: { host, call, draft in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in try EmitService.add(context, call, draft) }
                } ?? .badArgument
            })
    }

    private static func add(
        _ context: HostContext, _ call: patchbay_call, _ draft: UnsafePointer<patchbay_draft>?
    ) throws(ServiceRefusal) {
        let scope = try context.requiredScope()
        let limits = context.environment.limits
        let event = try DraftReader.event(draft, scope: scope, limits: limits)
        guard let added = add(event, to: call, context.environment.calls, limits) else { throw .stale }
        guard added else { throw .limit }
    }

    /// Holds an event until the call is done; `nil` when the call is over, false when there is no room. [any]
    package static func add(
        _ event: EmittedEvent, to call: patchbay_call, _ calls: CallTable, _ limits: HostEnvironment.Limits
    ) -> Bool? {
        let size = event.byteCount
        return calls.withEffects(call) { effects in
            let room = effects.emitRoom ?? ByteRoom.Hold(calls.emitRoom)
            effects.emitRoom = room
            guard effects.emits.count < limits.emitsPerCall, room.resize(by: event.heldByteCount) else { return false }
            guard effects.grow(by: size, max: limits.effectBytesPerCall) else {
                _ = room.resize(by: -event.heldByteCount)
                return false
            }
            effects.emits.append(event)
            return true
        }
    }
}
