import CPatchbay
import PatchbayEvents

/// `patchbay.state` of calls that are watched.
enum TappedState {
    private static let plain = StateService.table

    static var table: patchbay_state {
        var table = plain
        table.get = { host, call, key, buffer, length, revision in
            guard let (tape, context) = CallTap.tape(host, call), let length else {
                return TappedState.plain.get(host, call, key, buffer, length, revision)
            }
            return TappedState.get(tape, context, host, call, key, buffer, length, revision)
        }
        table.put = { host, call, key, value, length, revision, lifetime in
            guard let (tape, context) = CallTap.tape(host, call) else {
                return TappedState.plain.put(host, call, key, value, length, revision, lifetime)
            }
            return tape.perform(
                "state.put",
                { () throws(ServiceRefusal) in
                    let bytes = try ForeignText.bytes(
                        value, length, max: context.environment.limits.stateValueBytes)
                    return [
                        ("key", .string(try StateService.key(key, context))), ("value", RecordedValue.bytes(bytes)),
                        ("revision", TappedState.expected(revision)), ("lifetime", RecordedValue.number(lifetime)),
                    ]
                }, isLocal: true, unmatched: .real,
                real: { TappedState.plain.put(host, call, key, value, length, revision, lifetime) })
        }
        table.del = { host, call, key, revision in
            guard let (tape, context) = CallTap.tape(host, call) else {
                return TappedState.plain.del(host, call, key, revision)
            }
            return tape.perform(
                "state.del",
                { () throws(ServiceRefusal) in
                    [
                        ("key", .string(try StateService.key(key, context))),
                        ("revision", TappedState.expected(revision)),
                    ]
                }, isLocal: true, unmatched: .real,
                real: { TappedState.plain.del(host, call, key, revision) })
        }
        return table
    }

    private static func get(
        _ tape: CallTape, _ context: HostContext, _ host: UnsafePointer<patchbay_host>?, _ call: patchbay_call,
        _ key: patchbay_str, _ buffer: UnsafeMutablePointer<UInt8>?, _ length: UnsafeMutablePointer<UInt64>,
        _ revision: UnsafeMutablePointer<UInt64>?
    ) -> patchbay_status {
        let room = length.pointee
        var seen: UInt64 = 0
        return tape.perform(
            "state.get", { () throws(ServiceRefusal) in [("key", .string(try StateService.key(key, context)))] },
            isOwn: isOwn(key, call, context), unmatched: .refuse(.notFound),
            real: {
                defer { revision?.pointee = seen }
                return TappedState.plain.get(host, call, key, buffer, length, &seen)
            },
            answer: { status in
                var answer = [("length", RecordedValue.number(length.pointee))]
                if seen == StateRevision.own {
                    answer.append(("own", .bool(true)))
                } else if status == .ok {
                    answer.append(("revision", RecordedValue.number(seen)))
                }
                if status == .ok {
                    let value = UnsafeBufferPointer(start: buffer, count: Int(clamping: length.pointee))
                    answer.append(("value", RecordedValue.bytes(value)))
                }
                return answer
            },
            replay: { answer in
                let status = replay(answer, "value", room: room, buffer, length, &seen)
                if status != nil { revision?.pointee = seen }
                return status
            })
    }

    /// Hands a recorded value and its revision over; `nil`: the handler comes with more room than it did, and an answer
    /// with the value follows.
    static func replay(
        _ answer: Value, _ member: String, room: UInt64, _ buffer: UnsafeMutablePointer<UInt8>?,
        _ length: UnsafeMutablePointer<UInt64>, _ revision: inout UInt64
    ) -> patchbay_status? {
        let status = RecordedValue.status(of: answer.member("status"))
        let count = answer.number("length") ?? 0
        if status == .limit, count <= room { return nil }
        revision = answer.number("revision") ?? 0
        length.pointee = count
        guard status == .ok, let value = RecordedValue.bytes(of: answer.member(member)) else { return status }
        // What is withheld in it is of another length.
        length.pointee = UInt64(value.count)
        return fill(buffer, room: room, with: value)
    }

    /// Whether the call has written a key itself.
    private static func isOwn(_ key: patchbay_str, _ call: patchbay_call, _ context: HostContext) -> Bool {
        do throws(ServiceRefusal) {
            let key = try StateService.key(key, context)
            let isWritten = context.environment.calls.withEffects(call) { effects in
                effects.stateWrites.contains { $0.key == key }
            }
            return isWritten == true
        } catch {
            return false
        }
    }

    /// Copies bytes to a module's room.
    private static func fill(_ buffer: UnsafeMutablePointer<UInt8>?, room: UInt64, with bytes: [UInt8])
        -> patchbay_status
    {
        guard UInt64(bytes.count) <= room else { return .limit }
        guard !bytes.isEmpty else { return .ok }
        guard let buffer else { return .badArgument }
        _ = UnsafeMutableBufferPointer(start: buffer, count: bytes.count).update(fromContentsOf: bytes)
        return .ok
    }

    private static func expected(_ revision: UInt64) -> Value {
        revision == StateRevision.any ? .string("any") : RecordedValue.number(revision)
    }
}
