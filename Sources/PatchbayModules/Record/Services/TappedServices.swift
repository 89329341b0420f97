import CPatchbay
import PatchbayEvents

/// The service tables of a host that watches calls: as the usual ones, with a note on the call's tape. Services whose
/// answers a handler does not act on (logger, trace, meter) are the usual ones.
enum TappedServices {
    // Invariant of the tables: written once before they are handed out, never changed, never freed.
    private nonisolated(unsafe) static let emit = HostServices.lasting(TappedEmit.table)
    private nonisolated(unsafe) static let state = HostServices.lasting(TappedState.table)
    private nonisolated(unsafe) static let timer = HostServices.lasting(TappedTimer.table)
    private nonisolated(unsafe) static let stream = HostServices.lasting(TappedStream.table)
    private nonisolated(unsafe) static let http = HostServices.lasting(TappedHTTP.table)
    private nonisolated(unsafe) static let mail = HostServices.lasting(TappedMail.table)

    /// The table for an id; `nil` for the usual one. [any]
    static func table(for id: patchbay_str) -> UnsafeRawPointer? {
        guard id.len <= 256 else { return nil }
        return switch HostServiceID.current(String(id)) {
        case HostServiceID.emit: emit
        case HostServiceID.state: state
        case HostServiceID.timer: timer
        case HostServiceID.stream: stream
        case HostServiceID.http: http
        case HostServiceID.mail: mail
        default: nil
        }
    }
}

enum TappedEmit {
    private static let plain = EmitService.table

    static var table: patchbay_emit {
        var table = plain
        table.add = { host, call, draft in
            guard let (tape, context) = CallTap.tape(host, call) else { return TappedEmit.plain.add(host, call, draft) }
            return tape.perform(
                "emit.add",
                { () throws(ServiceRefusal) in [("event", try RecordedValue.draft(draft, context))] },
                isLocal: true, unmatched: .real,
                beside: { [("inNanoseconds", RecordedValue.delay(draft, context))] },
                real: { TappedEmit.plain.add(host, call, draft) })
        }
        return table
    }
}

enum TappedTimer {
    private static let plain = TimerService.table

    static var table: patchbay_timer {
        var table = plain
        table.set = { host, call, key, draft in
            guard let (tape, context) = CallTap.tape(host, call) else {
                return TappedTimer.plain.set(host, call, key, draft)
            }
            return tape.perform(
                "timer.set",
                { () throws(ServiceRefusal) in
                    [
                        ("key", .string(try TimerService.key(key))),
                        ("event", try RecordedValue.draft(draft, context)),
                    ]
                }, isLocal: true, unmatched: .real,
                beside: { [("inNanoseconds", RecordedValue.delay(draft, context))] },
                real: { TappedTimer.plain.set(host, call, key, draft) })
        }
        table.cancel = { host, call, key in
            guard let (tape, _) = CallTap.tape(host, call) else { return TappedTimer.plain.cancel(host, call, key) }
            return tape.perform(
                "timer.cancel", { () throws(ServiceRefusal) in [("key", .string(try TimerService.key(key)))] },
                isLocal: true, unmatched: .real,
                real: { TappedTimer.plain.cancel(host, call, key) })
        }
        return table
    }
}
