import CPatchbay
import PatchbaySDK
import Synchronization

/// Streams of the test host: in memory, for one handler.
func testStreamTable() -> patchbay_stream {
    patchbay_stream(
        size: UInt32(MemoryLayout<patchbay_stream>.size), reserved: 0,
        append: { host, call, stream, drafts, count, expected, revision in
            let lent = UnsafeBufferPointer(start: drafts, count: Int(count)).compactMap(\.?.pointee)
            guard stream.len > 0, !lent.isEmpty, lent.allSatisfy({ $0.type.len > 0 && $0.not_before_ns == 0 }) else {
                return patchbay_status(PATCHBAY_E_ARG)
            }
            let (name, drafts) = (String(stream), lent.map { EventDraft($0) })
            let (status, found) = TestCore.of(host).journal.withLock { $0.append(drafts, to: name, expected, in: call) }
            revision?.pointee = found
            return status
        },
        head: { host, call, stream, first, next in
            let name = String(stream)
            let (isOpen, count) = TestCore.of(host).journal.withLock {
                ($0.open[call] != nil, $0.streams[name]?.count ?? 0)
            }
            guard isOpen else { return patchbay_status(PATCHBAY_E_STALE) }
            first?.pointee = 0
            next?.pointee = UInt64(count)
            return patchbay_status(count > 0 ? PATCHBAY_OK : PATCHBAY_E_NOT_FOUND)
        },
        read: { host, call, stream, from, count, flags, visit, context in
            let name = String(stream)
            let page = TestCore.of(host).journal.withLock { $0.page(of: name, from: from, flags, in: call) }
            guard case .events(let events) = page else { return page.status }
            for (revision, draft) in events.prefix(Int(min(count, 1_000))) {
                guard draft.show(at: revision, visit, context) else { break }
            }
            return patchbay_status(PATCHBAY_OK)
        },
        snapshot_get: { host, call, stream, at, buffer, length, revision in
            let name = String(stream)
            let (isOpen, all) = TestCore.of(host).journal.withLock { ($0.open[call] != nil, $0.snapshots[name] ?? [:]) }
            guard isOpen else { return patchbay_status(PATCHBAY_E_STALE) }
            let room = length?.pointee ?? 0
            let found = all.filter { $0.key <= at }.max { $0.key < $1.key }
            length?.pointee = UInt64(found?.value.count ?? 0)
            guard let found else { return patchbay_status(PATCHBAY_E_NOT_FOUND) }
            revision?.pointee = found.key
            guard UInt64(found.value.count) <= room else { return patchbay_status(PATCHBAY_E_LIMIT) }
            for (index, byte) in found.value.enumerated() { buffer?[index] = byte }
            return patchbay_status(PATCHBAY_OK)
        },
        snapshot_put: { host, call, stream, revision, bytes, count in
            let (name, value) = (String(stream), Array(UnsafeBufferPointer(start: bytes, count: Int(count))))
            return TestCore.of(host).journal.withLock { journal in
                guard journal.open[call] != nil else { return patchbay_status(PATCHBAY_E_STALE) }
                guard revision < journal.next(in: name, of: call) else { return patchbay_status(PATCHBAY_E_NOT_FOUND) }
                journal.open[call]?.snapshots[name, default: [:]][revision] = value
                return patchbay_status(PATCHBAY_OK)
            }
        },
        query: { host, call, stream, filter, count, visit, context, next in
            guard let filter = filter?.pointee else { return patchbay_status(PATCHBAY_E_ARG) }
            let name = String(stream)
            let page = TestCore.of(host).journal.withLock {
                $0.page(of: name, from: filter.from, filter.flags, in: call)
            }
            guard case .events(let events) = page else { return page.status }
            var left = min(count, 1_000)
            next?.pointee = left == 0 ? filter.from : PATCHBAY_STREAM_NONE
            for (revision, draft) in events where left > 0 && draft.isTaken(by: filter, at: revision) {
                left -= 1
                guard !draft.show(at: revision, visit, context) || left == 0 else { continue }
                let isBackward = filter.flags & PATCHBAY_STREAM_BACKWARD != 0
                next?.pointee = isBackward ? (revision == 0 ? PATCHBAY_STREAM_NONE : revision - 1) : revision + 1
                break
            }
            return patchbay_status(PATCHBAY_OK)
        },
        subscribe: { host, call, name, stream, filter in
            let isOdd = filter.map { $0.pointee.flags != 0 || $0.pointee.since_ns > 0 || $0.pointee.as_of_ns > 0 }
            guard name.len > 0, stream.len > 0, isOdd != true else { return patchbay_status(PATCHBAY_E_ARG) }
            let (key, source) = (String(name), String(stream))
            return TestCore.of(host).journal.withLock { $0.subscribe(key, source, in: call) }
        },
        unsubscribe: { host, call, name in
            let key = String(name)
            return TestCore.of(host).journal.withLock { $0.subscribe(key, nil, in: call) }
        })
}

extension TestJournal {
    /// Events in the order of a reading, or why there are none.
    enum Page {
        case events([(UInt64, EventDraft)])
        case refused(Int)

        var status: patchbay_status {
            if case .refused(let status) = self { patchbay_status(status) } else { patchbay_status(PATCHBAY_OK) }
        }
    }

    /// The revision that comes next in a stream, as a call sees it.
    func next(in stream: String, of id: patchbay_call) -> UInt64 {
        UInt64((streams[stream]?.count ?? 0) + (open[id]?.appended.count { $0.0 == stream } ?? 0))
    }

    mutating func append(
        _ drafts: [EventDraft], to stream: String, _ expected: UInt64, in id: patchbay_call
    ) -> (patchbay_status, UInt64) {
        guard open[id] != nil else { return (patchbay_status(PATCHBAY_E_STALE), 0) }
        let next = next(in: stream, of: id)
        let fits =
            switch expected {
            case PATCHBAY_STREAM_ANY: true
            case PATCHBAY_STREAM_EXISTS: next > 0
            case PATCHBAY_STREAM_NONE: next == 0
            default: next > 0 && expected == next - 1
            }
        guard fits else {
            return (patchbay_status(PATCHBAY_E_CONFLICT), next == 0 ? PATCHBAY_STREAM_NONE : next - 1)
        }
        open[id]?.appended += drafts.map { (stream, $0) }
        return (patchbay_status(PATCHBAY_OK), next)
    }

    func page(of stream: String, from: UInt64, _ flags: UInt32, in id: patchbay_call) -> Page {
        guard open[id] != nil else { return .refused(Int(PATCHBAY_E_STALE)) }
        guard let drafts = streams[stream] else { return .refused(Int(PATCHBAY_E_NOT_FOUND)) }
        let events = drafts.enumerated().map { (UInt64($0.offset), $0.element) }
        if flags & PATCHBAY_STREAM_BACKWARD == 0 { return .events(events.filter { $0.0 >= from }) }
        return .events(events.filter { $0.0 <= from }.reversed())
    }

    /// Subscriptions are kept and bring nothing. With call 0 only within `create`.
    mutating func subscribe(_ name: String, _ stream: String?, in id: patchbay_call) -> patchbay_status {
        if id == 0 && !isCreated {
            subscriptions[name] = stream
            return patchbay_status(PATCHBAY_OK)
        }
        guard let call = open[id] else { return patchbay_status(PATCHBAY_E_STALE) }
        let old: String? = if let changed = call.subscriptions[name] { changed } else { subscriptions[name] }
        if stream == nil && old == nil { return patchbay_status(PATCHBAY_E_NOT_FOUND) }
        open[id]?.subscriptions.updateValue(stream, forKey: name)
        return patchbay_status(PATCHBAY_OK)
    }

    /// What a call did to streams becomes visible.
    mutating func commitStreams(of call: OpenCall) {
        for (stream, draft) in call.appended { streams[stream, default: []].append(draft) }
        for (stream, kept) in call.snapshots { snapshots[stream, default: [:]].merge(kept) { $1 } }
        for (name, stream) in call.subscriptions { subscriptions[name] = stream }
    }
}

extension EventDraft {
    /// False: the visitor has had enough.
    fileprivate func show(
        at revision: UInt64, _ visit: patchbay_stream_visit?, _ context: UnsafeMutableRawPointer?
    ) -> Bool {
        guard let visit else { return false }
        let (id, source) = (id.isEmpty ? "derived-\(revision)" : id, source.isEmpty ? "//patchbay/test" : source)
        var members: [String: JSON] = [
            "specversion": "1.0", "id": .string(id), "source": .string(source), "type": .string(type),
        ]
        if !subject.isEmpty { members["subject"] = .string(subject) }
        // Data that is not JSON is left out.
        if !data.isEmpty, case .success(let json) = Result(catching: { try JSON(parsing: data) }) {
            members["data"] = json
        }
        var texts = [id, source, type, JSON.object(members).description].map { Array($0.utf8) }
        let all = texts.flatMap { $0 }
        return all.withUnsafeBytes { bytes in
            var offset = 0
            func text() -> patchbay_str {
                let count = texts.removeFirst().count
                defer { offset += count }
                let start = bytes.baseAddress.map { ($0 + offset).assumingMemoryBound(to: CChar.self) }
                return patchbay_str(ptr: start, len: UInt64(count))
            }
            var event = patchbay_stream_event()
            event.size = UInt32(MemoryLayout<patchbay_stream_event>.size)
            event.revision = revision
            event.appended_ns = revision + 1
            (event.id, event.source, event.type, event.json) = (text(), text(), text(), text())
            return visit(context, &event) == 0
        }
    }

    fileprivate func isTaken(by filter: patchbay_stream_filter, at revision: UInt64) -> Bool {
        let (pattern, correlation) = (String(filter.type), String(filter.correlation))
        return (pattern.isEmpty || Self.takes(pattern, type))
            && (correlation.isEmpty || attributes["correlationid"] == correlation)
            && (filter.since_ns == 0 || revision + 1 >= filter.since_ns)
            && (filter.as_of_ns == 0 || revision + 1 <= filter.as_of_ns)
    }

    /// Whether a pattern as routes have it takes a type: `*` is one token, `**` the rest.
    private static func takes(_ pattern: String, _ type: String) -> Bool {
        var tokens = type.split(separator: ".", omittingEmptySubsequences: false)[...]
        for part in pattern.split(separator: ".", omittingEmptySubsequences: false) {
            guard let token = tokens.popFirst() else { return false }
            if part == "**" { return true }
            guard part == "*" || part == token else { return false }
        }
        return tokens.isEmpty
    }
}
