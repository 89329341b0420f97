import CPatchbay
import Logging
import PatchbayEvents
import PatchbayLog

/// `patchbay.stream/0`: reads show what is committed; appends and snapshots wait in the call's effects.
enum StreamService {
    static var table: patchbay_stream {
        patchbay_stream(
            size: UInt32(MemoryLayout<patchbay_stream>.size), reserved: 0,
            append: { host, call, stream, drafts, count, expected, revision in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        let name = try StreamService.name(stream)
                        let events = try StreamService.events(drafts, count, context)
                        let expected = ExpectedRevision(wire: expected)
                        try StreamService.append(events, to: name, expected, call, context, revision)
                    }
                } ?? .badArgument
            },
            head: { host, call, stream, first, next in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        try StreamService.head(stream, call, context, first, next)
                    }
                } ?? .badArgument
            },
            read: { host, call, stream, from, count, flags, visit, visitor in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        let isBackward = flags & PATCHBAY_STREAM_BACKWARD != 0
                        let selection = StreamSelection(isBackward ? .backward : .forward, from: from)
                        let page = try StreamService.page(stream, selection, count, call, context)
                        guard let visit else { throw .badArgument }
                        StreamService.show(page, visit, visitor)
                    }
                } ?? .badArgument
            },
            snapshot_get: { host, call, stream, at, buffer, length, revision in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        guard let length else { throw .badArgument }
                        let room = UnsafeMutableBufferPointer(start: buffer, count: Int(clamping: length.pointee))
                        length.pointee = 0
                        let found = try StreamService.snapshot(of: stream, at: at, call, context)
                        length.pointee = UInt64(found.bytes.count)
                        revision?.pointee = found.revision
                        guard found.bytes.count <= room.count else { throw .limit }
                        guard !found.bytes.isEmpty else { return }
                        guard room.baseAddress != nil else { throw .badArgument }
                        _ = room.update(fromContentsOf: found.bytes)
                    }
                } ?? .badArgument
            },
            snapshot_put: { host, call, stream, revision, bytes, count in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        let limit = context.environment.limits.stateValueBytes
                        let write = StreamSnapshotWrite(
                            stream: try StreamService.name(stream), revision: revision,
                            bytes: try ForeignText.bytes(bytes, count, max: limit))
                        try StreamService.keep(write, call, context)
                    }
                } ?? .badArgument
            },
            query: { host, call, stream, filter, count, visit, visitor, next in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        guard let filter, let visit else { throw .badArgument }
                        let query = try StreamQuery(filter, count: count, context.environment)
                        let info = try StreamService.existing(stream, call, context)
                        let left = try StreamService.run(query, info.name, visit, visitor, context)
                        next?.pointee = left ?? PATCHBAY_STREAM_NONE
                    }
                } ?? .badArgument
            },
            subscribe: { host, call, name, stream, filter in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        let wish = try SubscriptionService.wish(try StreamService.name(stream), filter, context)
                        let name = try SubscriptionService.name(name)
                        try SubscriptionService.change(.subscribe(name: name, wish), call, context)
                    }
                } ?? .badArgument
            },
            unsubscribe: { host, call, name in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        let name = try SubscriptionService.name(name)
                        try SubscriptionService.change(.unsubscribe(name: name), call, context)
                    }
                } ?? .badArgument
            })
    }

    /// Events of one page at most.
    static let pageEvents = 1000

    static func name(_ text: patchbay_str) throws(ServiceRefusal) -> String {
        let name = try ForeignText.string(text, max: Streams.nameBytesMax)
        do throws(StreamRefusal) {
            try Streams.check(name: name)
        } catch {
            throw .badArgument
        }
        return name
    }

    // MARK: Append

    private static func events(
        _ drafts: UnsafePointer<UnsafePointer<patchbay_draft>?>?, _ count: UInt64, _ context: HostContext
    ) throws(ServiceRefusal) -> [Event] {
        let limits = context.environment.limits
        guard count > 0, let drafts else { throw .badArgument }
        guard count <= UInt64(limits.streamEventsPerCall) else { throw .limit }
        let scope = try context.requiredScope()
        var events: [Event] = []
        for index in 0..<Int(count) {
            let draft = try DraftReader.event(drafts[index], scope: scope, limits: limits)
            guard draft.notBefore == 0 else { throw .badArgument }
            events.append(draft.event)
        }
        return events
    }

    /// Checks the revision against the stream with what the call has appended to it, and buffers the events.
    private static func append(
        _ events: [Event], to stream: String, _ expected: ExpectedRevision, _ call: patchbay_call,
        _ context: HostContext, _ revision: UnsafeMutablePointer<UInt64>?
    ) throws(ServiceRefusal) {
        let environment = context.environment
        let scope = try context.requiredScope()
        let refusal = environment.calls.withEffects(call) { effects -> ServiceRefusal? in
            let index = effects.streamAppends.firstIndex { $0.stream == stream }
            var append = index.map { effects.streamAppends[$0] }
            let before = append?.events.count ?? 0
            if append == nil { append = StreamAppend(stream: stream, expected: expected, events: []) }
            guard var append else { return .badState }
            append.events += identified(events, beside: before, stream, call, scope, environment)
            let decision = decide(append, environment)
            guard case .success(let first) = decision else {
                guard case .failure(let failure) = decision else { return .badState }
                revision?.pointee = failure.actual ?? PATCHBAY_STREAM_NONE
                return failure.refusal
            }
            let next = first + UInt64(before)
            guard before == 0 || expected.takes(next) else {
                revision?.pointee = next - 1
                return .conflict
            }
            guard append.events.count <= environment.limits.streamEventsPerCall,
                makeRoom(
                    // As JSON control characters are six bytes long.
                    events.reduce(0) {
                        $0 + max(EmittedEvent(event: $1, notBefore: 0).heldByteCount, $1.json.count)
                    }, &effects, environment)
            else { return .limit }
            if let index { effects.streamAppends[index] = append } else { effects.streamAppends.append(append) }
            revision?.pointee = next
            return nil
        }
        guard let refusal else { throw .stale }
        if let refusal { throw refusal }
    }

    private struct Failure: Error {
        var refusal: ServiceRefusal
        var actual: UInt64?
    }

    /// The revision of the append's first event.
    private static func decide(_ append: StreamAppend, _ environment: HostEnvironment) -> Result<UInt64, Failure> {
        do throws(StreamRefusal) {
            switch try environment.streams.decide(append) {
            case .appends(let revision), .isRepeat(let revision): return .success(revision)
            }
        } catch {
            switch error {
            case .wrongRevision, .partialRepeat: return .failure(Failure(refusal: .conflict, actual: error.actual))
            case .deleted: return .failure(Failure(refusal: .badState))
            case .missing, .impossible: return .failure(Failure(refusal: .limit))
            }
        }
    }

    /// Events without an id get one that a rerun of the call repeats.
    private static func identified(
        _ events: [Event], beside before: Int, _ stream: String, _ call: patchbay_call, _ scope: HandlerScope,
        _ environment: HostEnvironment
    ) -> [Event] {
        let parent = environment.calls.views[Int(call & 0xFF_FFFF)]
        let head =
            "patchbay.stream/1\u{0}\(String(parent.source))\u{0}\(String(parent.id))\u{0}\(scope.name)\u{0}\(stream)\u{0}"
        return events.enumerated().map { index, event in
            guard event.id.isEmpty else { return event }
            var event = event
            event.id = StableHash.hexadecimal(Array("\(head)\(before + index)".utf8))
            return event
        }
    }

    /// Counts bytes against the call's bound, and takes room for them in the store so that the commit has it for sure.
    private static func makeRoom(_ bytes: Int, _ effects: inout CallEffects, _ environment: HostEnvironment) -> Bool {
        let room = effects.streamRoom ?? ByteRoom.Hold(environment.streams.room)
        effects.streamRoom = room
        guard effects.grow(by: bytes, max: environment.limits.effectBytesPerCall) else { return false }
        guard room.resize(by: bytes) else {
            _ = effects.grow(by: -bytes, max: 0)
            return false
        }
        return true
    }

    // MARK: Read

    /// A stream that is there; the call has to be open.
    private static func existing(
        _ text: patchbay_str, _ call: patchbay_call, _ context: HostContext
    ) throws(ServiceRefusal) -> StreamInfo {
        let name = try name(text)
        guard context.environment.calls.withOpenEvent(call, { _ in true }) != nil else { throw .stale }
        guard let info = context.environment.streams[name] else { throw .notFound }
        guard !info.isDeleted else { throw .badState }
        return info
    }

    private static func head(
        _ text: patchbay_str, _ call: patchbay_call, _ context: HostContext, _ first: UnsafeMutablePointer<UInt64>?,
        _ next: UnsafeMutablePointer<UInt64>?
    ) throws(ServiceRefusal) {
        first?.pointee = 0
        next?.pointee = 0
        let info = try existing(text, call, context)
        first?.pointee = info.first
        next?.pointee = info.next
    }

    private static func page(
        _ text: patchbay_str, _ selection: StreamSelection, _ count: UInt64, _ call: patchbay_call,
        _ context: HostContext
    ) throws(ServiceRefusal) -> [StreamEvent] {
        let info = try existing(text, call, context)
        return try page(info.name, selection, count: Int(min(count, UInt64(pageEvents))), context)
    }

    static func page(
        _ name: String, _ selection: StreamSelection, count: Int, _ context: HostContext
    ) throws(ServiceRefusal) -> [StreamEvent] {
        do throws(LogError) {
            return try context.environment.streams.read(name, selection, count: count)
        } catch {
            throw unreadable(error, name, context)
        }
    }

    /// Says why to the log; a module gets no more than the status.
    private static func unreadable(_ error: LogError, _ stream: String, _ context: HostContext) -> ServiceRefusal {
        context.logger.error("stream '\(stream)' cannot be read", metadata: ["error": "\(error)"])
        return ServiceRefusal(status: .internalError)
    }

    private static func show(
        _ page: [StreamEvent], _ visit: patchbay_stream_visit, _ visitor: UnsafeMutableRawPointer?
    ) {
        let codec = CloudEventsCodec.ofStored()
        for event in page {
            guard show(event, decoded(event, codec), visit, visitor) else { return }
        }
    }

    static func decoded(_ event: StreamEvent, _ codec: CloudEventsCodec) -> Event {
        do {
            return try codec.event(event.line)
        } catch {
            // It was appended as a CloudEvent, and its frame's checksum was right.
            preconditionFailure("an event of a stream does not decode: \(error)")
        }
    }

    /// Whether the visitor wants more.
    static func show(
        _ event: StreamEvent, _ decoded: Event, _ visit: patchbay_stream_visit, _ visitor: UnsafeMutableRawPointer?
    ) -> Bool {
        ForeignText.lending(decoded.id) { id in
            ForeignText.lending(decoded.source) { source in
                ForeignText.lending(decoded.type) { type in
                    event.line.withUnsafeBytes { line in
                        var shown = patchbay_stream_event()
                        shown.size = UInt32(MemoryLayout<patchbay_stream_event>.size)
                        shown.revision = event.revision
                        shown.appended_ns = event.time
                        shown.id = id
                        shown.source = source
                        shown.type = type
                        shown.json = patchbay_str(
                            ptr: line.baseAddress?.assumingMemoryBound(to: CChar.self), len: UInt64(line.count))
                        return visit(visitor, &shown) == 0
                    }
                }
            }
        }
    }

    // MARK: Snapshots

    private static func snapshot(
        of text: patchbay_str, at revision: UInt64, _ call: patchbay_call, _ context: HostContext
    ) throws(ServiceRefusal) -> (revision: UInt64, bytes: [UInt8]) {
        let info = try existing(text, call, context)
        let found: (revision: UInt64, time: UInt64, bytes: [UInt8])?
        do throws(LogError) {
            found = try context.environment.streams.snapshot(of: info.name, at: revision)
        } catch {
            throw unreadable(error, info.name, context)
        }
        guard let found else { throw .notFound }
        return (found.revision, found.bytes)
    }

    private static func keep(
        _ write: StreamSnapshotWrite, _ call: patchbay_call, _ context: HostContext
    ) throws(ServiceRefusal) {
        let environment = context.environment
        let refusal = environment.calls.withEffects(call) { effects -> ServiceRefusal? in
            let info = environment.streams[write.stream]
            if info?.isDeleted == true { return .badState }
            var next = info?.next ?? 0
            if let own = effects.streamAppends.first(where: { $0.stream == write.stream }),
                case .success(let first) = decide(own, environment)
            {
                next = max(next, first + UInt64(own.events.count))
            }
            guard write.revision < next else { return .notFound }
            guard effects.streamSnapshots.count < environment.limits.streamSnapshotsPerCall,
                makeRoom(write.bytes.count + write.stream.utf8.count, &effects, environment)
            else { return .limit }
            effects.streamSnapshots.append(write)
            return nil
        }
        guard let refusal else { throw .stale }
        if let refusal { throw refusal }
    }
}

extension ExpectedRevision {
    init(wire value: UInt64) {
        self =
            switch value {
            case PATCHBAY_STREAM_ANY: .any
            case PATCHBAY_STREAM_EXISTS: .streamExists
            case PATCHBAY_STREAM_NONE: .noStream
            default: .exact(value)
            }
    }

    /// Whether a stream whose next revision this is, and that has events, is as expected.
    fileprivate func takes(_ next: UInt64) -> Bool {
        switch self {
        case .any, .streamExists: true
        case .noStream: false
        case .exact(let revision): revision < next && revision + 1 == next
        }
    }
}
