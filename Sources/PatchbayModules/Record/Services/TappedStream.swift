import CPatchbay
import PatchbayEvents

/// `patchbay.stream` of calls that are watched.
enum TappedStream {
    private static let plain = StreamService.table

    static var table: patchbay_stream {
        var table = plain
        setWriting(&table)
        setReading(&table)
        setSubscribing(&table)
        return table
    }

    // MARK: Write

    private static func setWriting(_ table: inout patchbay_stream) {
        table.append = { host, call, stream, drafts, count, expected, revision in
            guard let (tape, context) = CallTap.tape(host, call) else {
                return TappedStream.plain.append(host, call, stream, drafts, count, expected, revision)
            }
            var place: UInt64 = 0
            return tape.perform(
                "stream.append",
                { () throws(ServiceRefusal) in
                    [
                        ("stream", .string(try StreamService.name(stream))),
                        ("events", .list(try TappedStream.events(drafts, count, context))),
                        ("expected", TappedStream.expected(expected)),
                    ]
                }, unmatched: .refuse(.unsupported),
                real: {
                    let status = TappedStream.plain.append(host, call, stream, drafts, count, expected, &place)
                    if status == .ok || status == .conflict { revision?.pointee = place }
                    return status
                },
                answer: { _ in [("revision", RecordedValue.number(place))] },
                replay: { answer in
                    place = answer.number("revision") ?? 0
                    let status = RecordedValue.status(of: answer.member("status"))
                    if status == .ok || status == .conflict { revision?.pointee = place }
                    return status
                })
        }
        table.snapshot_put = { host, call, stream, revision, bytes, count in
            guard let (tape, context) = CallTap.tape(host, call) else {
                return TappedStream.plain.snapshot_put(host, call, stream, revision, bytes, count)
            }
            return tape.perform(
                "stream.snapshotPut",
                { () throws(ServiceRefusal) in
                    let name = try StreamService.name(stream)
                    let bytes = try ForeignText.bytes(bytes, count, max: context.environment.limits.stateValueBytes)
                    return [
                        ("stream", .string(name)), ("revision", RecordedValue.number(revision)),
                        ("bytes", RecordedValue.bytes(bytes)),
                    ]
                }, unmatched: .accept,
                real: { TappedStream.plain.snapshot_put(host, call, stream, revision, bytes, count) })
        }
    }

    /// No more of them than the service takes, and none behind a malformed one.
    private static func events(
        _ drafts: UnsafePointer<UnsafePointer<patchbay_draft>?>?, _ count: UInt64, _ context: HostContext
    ) throws(ServiceRefusal) -> [Value] {
        guard let drafts else { throw .badArgument }
        guard count <= UInt64(context.environment.limits.streamEventsPerCall) else { throw .limit }
        var events: [Value] = []
        for index in 0..<Int(count) { events.append(try RecordedValue.draft(drafts[index], context)) }
        return events
    }

    private static func expected(_ revision: UInt64) -> Value {
        switch revision {
        case PATCHBAY_STREAM_ANY: .string("any")
        case PATCHBAY_STREAM_EXISTS: .string("exists")
        case PATCHBAY_STREAM_NONE: .string("none")
        default: RecordedValue.number(revision)
        }
    }

    // MARK: Read

    private static func setReading(_ table: inout patchbay_stream) {
        table.head = { host, call, stream, first, next in
            guard let (tape, _) = CallTap.tape(host, call) else {
                return TappedStream.plain.head(host, call, stream, first, next)
            }
            var (begin, end): (UInt64, UInt64) = (0, 0)
            let status = tape.perform(
                "stream.head", { () throws(ServiceRefusal) in [("stream", .string(try StreamService.name(stream)))] },
                unmatched: .refuse(.notFound),
                real: { TappedStream.plain.head(host, call, stream, &begin, &end) },
                answer: { _ in [("first", RecordedValue.number(begin)), ("next", RecordedValue.number(end))] },
                replay: { answer in
                    (begin, end) = (answer.number("first") ?? 0, answer.number("next") ?? 0)
                    return RecordedValue.status(of: answer.member("status"))
                })
            first?.pointee = begin
            next?.pointee = end
            return status
        }
        table.read = { host, call, stream, from, count, flags, visit, visitor in
            guard let (tape, _) = CallTap.tape(host, call), let visit else {
                return TappedStream.plain.read(host, call, stream, from, count, flags, visit, visitor)
            }
            var shown = ShownEvents(visit: visit, visitor: visitor)
            return tape.perform(
                "stream.read",
                { () throws(ServiceRefusal) in
                    [
                        ("stream", .string(try StreamService.name(stream))), ("from", RecordedValue.number(from)),
                        ("count", RecordedValue.number(count)), ("flags", .int(Int64(flags))),
                    ]
                }, unmatched: .refuse(.notFound),
                real: {
                    shown.collecting { TappedStream.plain.read(host, call, stream, from, count, flags, $0, $1) }
                },
                answer: { _ in [("events", .list(shown.events))] }, replay: { shown.show($0) })
        }
        table.query = { host, call, stream, filter, count, visit, visitor, next in
            guard let (tape, context) = CallTap.tape(host, call), let visit, let filter else {
                return TappedStream.plain.query(host, call, stream, filter, count, visit, visitor, next)
            }
            var shown = ShownEvents(visit: visit, visitor: visitor)
            var left: UInt64 = 0
            return tape.perform(
                "stream.query",
                { () throws(ServiceRefusal) in
                    _ = try StreamQuery(filter, count: count, context.environment)
                    return [
                        ("stream", .string(try StreamService.name(stream))), ("filter", TappedStream.filter(filter)),
                        ("count", RecordedValue.number(count)),
                    ]
                }, unmatched: .refuse(.notFound),
                real: {
                    let status = shown.collecting {
                        TappedStream.plain.query(host, call, stream, filter, count, $0, $1, &left)
                    }
                    if status == .ok { next?.pointee = left }
                    return status
                },
                answer: { _ in [("events", .list(shown.events)), ("next", RecordedValue.number(left))] },
                replay: { answer in
                    left = answer.number("next") ?? PATCHBAY_STREAM_NONE
                    let status = shown.show(answer)
                    if status == .ok { next?.pointee = left }
                    return status
                })
        }
        table.snapshot_get = { host, call, stream, at, buffer, length, revision in
            guard let (tape, _) = CallTap.tape(host, call), let length else {
                return TappedStream.plain.snapshot_get(host, call, stream, at, buffer, length, revision)
            }
            let room = length.pointee
            var seen: UInt64 = 0
            return tape.perform(
                "stream.snapshotGet",
                { () throws(ServiceRefusal) in
                    [("stream", .string(try StreamService.name(stream))), ("at", RecordedValue.number(at))]
                }, unmatched: .refuse(.notFound),
                real: {
                    let status = TappedStream.plain.snapshot_get(host, call, stream, at, buffer, length, &seen)
                    if status == .ok || status == .limit { revision?.pointee = seen }
                    return status
                },
                answer: { status in
                    var answer = [
                        ("length", RecordedValue.number(length.pointee)), ("revision", RecordedValue.number(seen)),
                    ]
                    if status == .ok {
                        let bytes = UnsafeBufferPointer(start: buffer, count: Int(clamping: length.pointee))
                        answer.append(("bytes", RecordedValue.bytes(bytes)))
                    }
                    return answer
                },
                replay: { answer in
                    let status = TappedState.replay(answer, "bytes", room: room, buffer, length, &seen)
                    if status != nil { revision?.pointee = seen }
                    return status
                })
        }
    }

    // MARK: Subscribe

    private static func setSubscribing(_ table: inout patchbay_stream) {
        table.subscribe = { host, call, name, stream, filter in
            guard let (tape, context) = CallTap.tape(host, call) else {
                return TappedStream.plain.subscribe(host, call, name, stream, filter)
            }
            return tape.perform(
                "stream.subscribe",
                { () throws(ServiceRefusal) in
                    let stream = try StreamService.name(stream)
                    _ = try SubscriptionService.wish(stream, filter, context)
                    return [
                        ("name", .string(try SubscriptionService.name(name))), ("stream", .string(stream)),
                        ("filter", filter.map(TappedStream.filter) ?? .null),
                    ]
                }, isLocal: true, unmatched: .real,
                real: { TappedStream.plain.subscribe(host, call, name, stream, filter) })
        }
        table.unsubscribe = { host, call, name in
            guard let (tape, _) = CallTap.tape(host, call) else {
                return TappedStream.plain.unsubscribe(host, call, name)
            }
            return tape.perform(
                "stream.unsubscribe",
                { () throws(ServiceRefusal) in [("name", .string(try SubscriptionService.name(name)))] },
                isLocal: true, unmatched: .accept,
                real: { TappedStream.plain.unsubscribe(host, call, name) })
        }
    }

    /// One that the service has found well formed.
    private static func filter(_ filter: UnsafePointer<patchbay_stream_filter>) -> Value {
        let filter = filter.pointee
        return .object([
            ("flags", .int(Int64(filter.flags))), ("from", RecordedValue.number(filter.from)),
            ("since", RecordedValue.number(filter.since_ns)), ("asOf", RecordedValue.number(filter.as_of_ns)),
            ("type", RecordedValue.text(filter.type)), ("correlation", RecordedValue.text(filter.correlation)),
        ])
    }
}

/// Between a service that shows events and the module's visitor.
private struct ShownEvents {
    let visit: patchbay_stream_visit
    let visitor: UnsafeMutableRawPointer?
    /// So far.
    var events: [Value] = []

    init(visit: @escaping patchbay_stream_visit, visitor: UnsafeMutableRawPointer?) {
        self.visit = visit
        self.visitor = visitor
    }

    /// Runs a reading whose events go on to the module's visitor.
    mutating func collecting(
        _ read: (@escaping patchbay_stream_visit, UnsafeMutableRawPointer?) -> patchbay_status
    ) -> patchbay_status {
        withUnsafeMutablePointer(to: &self) { shown in
            read(
                { shown, event in
                    guard let shown, let event else { return 1 }
                    let collected = shown.assumingMemoryBound(to: ShownEvents.self)
                    let view = event.pointee
                    collected.pointee.events.append(
                        .object([
                            ("revision", RecordedValue.number(view.revision)),
                            ("appended", RecordedValue.number(view.appended_ns)),
                            ("id", RecordedValue.text(view.id)), ("source", RecordedValue.text(view.source)),
                            ("type", RecordedValue.text(view.type)), ("json", RecordedValue.text(view.json)),
                        ]))
                    return collected.pointee.visit(collected.pointee.visitor, event)
                }, shown)
        }
    }

    /// Shows recorded events to the module's visitor until it has enough.
    mutating func show(_ answer: Value) -> patchbay_status {
        for event in answer.list("events") {
            events.append(event)
            let isEnough = ForeignText.lending(event.text("id") ?? "") { id in
                ForeignText.lending(event.text("source") ?? "") { source in
                    ForeignText.lending(event.text("type") ?? "") { type in
                        ForeignText.lending(event.text("json") ?? "") { json in
                            var shown = patchbay_stream_event()
                            shown.size = UInt32(MemoryLayout<patchbay_stream_event>.size)
                            shown.revision = event.number("revision") ?? 0
                            shown.appended_ns = event.number("appended") ?? 0
                            (shown.id, shown.source, shown.type, shown.json) = (id, source, type, json)
                            return visit(visitor, &shown) != 0
                        }
                    }
                }
            }
            if isEnough { break }
        }
        return RecordedValue.status(of: answer.member("status"))
    }
}
