import CPatchbay
import PatchbayEvents

/// `patchbay.state/1`: reads see the call's own writes first; writes wait in the call's effects.
enum StateService {
    static var table: patchbay_state {
        patchbay_state(
            size: UInt32(MemoryLayout<patchbay_state>.size), reserved: 0,
            get: { host, call, key, buffer, length, revision in
                HostBlock.with(host) { StateService.get($0, call, key, buffer, length, revision) } ?? .badArgument
            },
            del: { host, call, key, revision in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        let write = Write(key: try StateService.key(key, context), value: nil, lifetime: 0)
                        try StateService.write(write, revision, call, context)
                    }
                } ?? .badArgument
            },
            put: { host, call, key, value, length, revision, lifetime in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        let limit = context.environment.limits.stateValueBytes
                        let value = try ForeignText.bytes(value, length, max: limit)
                        let write = Write(key: try StateService.key(key, context), value: value, lifetime: lifetime)
                        try StateService.write(write, revision, call, context)
                    }
                } ?? .badArgument
            })
    }

    private struct Write {
        let key: String
        let value: [UInt8]?
        let lifetime: UInt64
    }

    /// What a call sees under a key.
    private struct Seen {
        let value: [UInt8]
        let revision: UInt64
    }

    static func key(_ text: patchbay_str, _ context: HostContext) throws(ServiceRefusal) -> String {
        let key = try ForeignText.string(text, max: context.environment.limits.stateKeyBytes)
        guard !key.isEmpty else { throw .badArgument }
        return key
    }

    private static func get(
        _ context: HostContext, _ call: patchbay_call, _ text: patchbay_str, _ buffer: UnsafeMutablePointer<UInt8>?,
        _ length: UnsafeMutablePointer<UInt64>?, _ revision: UnsafeMutablePointer<UInt64>?
    ) -> patchbay_status {
        guard let length else { return .badArgument }
        return ServiceRefusal.status { () throws(ServiceRefusal) in
            let room = length.pointee
            let scope = try context.requiredScope()
            let key = try key(text, context)
            let found = context.environment.calls.withEffects(call) { seen(key, scope, $0, context) }
            guard let found else { throw .stale }
            length.pointee = UInt64(found?.value.count ?? 0)
            revision?.pointee = found?.revision ?? 0
            guard let value = found?.value else { throw .notFound }
            guard UInt64(value.count) <= room else { throw .limit }
            guard !value.isEmpty else { return }
            guard let buffer else { throw .badArgument }
            value.withUnsafeBufferPointer { source in
                _ = UnsafeMutableBufferPointer(start: buffer, count: source.count).update(fromContentsOf: source)
            }
        }
    }

    private static func seen(
        _ key: String, _ scope: HandlerScope, _ effects: CallEffects, _ context: HostContext
    ) -> Seen? {
        if let write = effects.stateWrites.last(where: { $0.key == key }) {
            return write.value.map { Seen(value: $0, revision: StateRevision.own) }
        }
        let environment = context.environment
        if let before = environment.shadow?[key] {
            return before.map { Seen(value: $0.bytes, revision: $0.revision) }
        }
        return environment.state.get(key, of: scope, now: environment.unixNow())
            .map { Seen(value: $0.value, revision: $0.revision) }
    }

    /// Checks the revision against what the call sees, and buffers the write with the revision to commit against.
    private static func write(
        _ write: Write, _ revision: UInt64, _ call: patchbay_call, _ context: HostContext
    ) throws(ServiceRefusal) {
        let scope = try context.requiredScope()
        let environment = context.environment
        let refusal = environment.calls.withEffects(call) { effects -> ServiceRefusal? in
            let seen = seen(write.key, scope, effects, context)
            if write.value == nil, seen == nil { return .notFound }
            if revision != StateRevision.any, revision != seen?.revision ?? StateRevision.create { return .conflict }
            let wanted = StateWrite(
                key: write.key, value: write.value, expectedRevision: revision, timeToLive: write.lifetime)
            let index = effects.stateWrites.lastIndex { $0.key == write.key }
            guard index != nil || effects.stateWrites.count < environment.limits.stateWritesPerCall,
                makeRoom(for: wanted, inPlaceOf: index.map { effects.stateWrites[$0] }, &effects, environment)
            else { return .limit }
            guard let index else {
                effects.stateWrites.append(wanted)
                return nil
            }
            // One write a key: the first one's revision is what the commit compares.
            effects.stateWrites[index].value = wanted.value
            effects.stateWrites[index].timeToLive = wanted.timeToLive
            return nil
        }
        guard let refusal else { throw .stale }
        if let refusal { throw refusal }
    }

    /// Counts a write against the call's bound, and takes room for it in the store so that the commit has it for sure.
    private static func makeRoom(
        for write: StateWrite, inPlaceOf old: StateWrite?, _ effects: inout CallEffects, _ environment: HostEnvironment
    ) -> Bool {
        let change = write.byteCount - (old?.byteCount ?? 0)
        let room = effects.stateRoom ?? ByteRoom.Hold(environment.state.room)
        effects.stateRoom = room
        guard effects.grow(by: change, max: environment.limits.effectBytesPerCall) else { return false }
        let stored = write.storedByteCount - (old?.storedByteCount ?? 0)
        if room.resize(by: stored) { return true }
        // What has expired makes room, too.
        if environment.state.sweepWhenDue(now: environment.unixNow()), room.resize(by: stored) { return true }
        _ = effects.grow(by: -change, max: 0)
        return false
    }
}
