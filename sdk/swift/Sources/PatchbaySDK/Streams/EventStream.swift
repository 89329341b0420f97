import CPatchbay

/// A stream in the hands of one call: `call.stream("order-7")`.
///
/// Appends and snapshots count once the call is done, together with its other effects; reading shows what is committed.
/// When somebody else appended in between, the host runs the call again at no charge.
public struct EventStream: Sendable {
    let call: Call
    /// Of the stream, which all handlers of a host share.
    public let name: String

    /// What an append expects of the stream.
    public enum Expectation: Sendable, Equatable {
        /// Anything.
        case anything
        /// It exists.
        case exists
        /// It does not exist.
        case absent
        /// Its last revision, appends of this call included.
        case revision(UInt64)

        var raw: UInt64 {
            switch self {
            case .anything: PATCHBAY_STREAM_ANY
            case .exists: PATCHBAY_STREAM_EXISTS
            case .absent: PATCHBAY_STREAM_NONE
            case .revision(let revision): revision
            }
        }
    }

    /// Which way to read.
    public enum Direction: Sendable {
        /// From a revision on.
        case forward
        /// From a revision down.
        case backward

        var flags: UInt32 { self == .backward ? PATCHBAY_STREAM_BACKWARD : 0 }
    }

    /// Where a stream begins and goes on.
    public struct Head: Sendable, Equatable {
        /// The first revision that is not truncated.
        public let first: UInt64
        /// The revision that comes next.
        public let next: UInt64
    }

    /// What the events of a stream amount to.
    public struct Snapshot: Sendable, Equatable {
        /// The bytes that were kept.
        public let value: [UInt8]
        /// The last revision that it includes.
        public let revision: UInt64
    }

    /// Appends events after what this call has appended before; gives the first one's revision. Throws `StreamConflict`
    /// where the stream is not as expected, and `ServiceError`: `state` for a deleted stream, `argument`, `limit`, `stale`.
    @discardableResult
    public func append(_ drafts: [EventDraft], expecting: Expectation = .anything) throws -> UInt64 {
        let stream = try table("stream.append")
        var revision: UInt64 = 0
        let status = name.withText { name in
            withDrafts(drafts[...], []) { lent in
                lent.withUnsafeBufferPointer { lent in
                    stream.pointee.append(
                        call.services.pointee.host, call.id, name, lent.baseAddress, UInt64(lent.count), expecting.raw,
                        &revision)
                }
            }
        }
        if status == patchbay_status(PATCHBAY_E_CONFLICT) {
            throw StreamConflict(revision: revision == PATCHBAY_STREAM_NONE ? nil : revision)
        }
        try ServiceError.check(status, "stream.append")
        return revision
    }

    /// `nil`: there is no such stream. Throws `state` for a deleted one.
    public func head() throws(ServiceError) -> Head? {
        let stream = try table("stream.head")
        var (first, next): (UInt64, UInt64) = (0, 0)
        let status = name.withText { stream.pointee.head(call.services.pointee.host, call.id, $0, &first, &next) }
        return try Self.isThere(status, "stream.head") ? Head(first: first, next: next) : nil
    }

    /// Shows at most `count` events (1000 a page) to `visit`, which returns false to end. False: there is no such stream.
    /// Throws what `visit` throws, and `ServiceError`.
    @discardableResult
    public func read(
        from revision: UInt64 = 0, count: Int = 1_000, direction: Direction = .forward,
        _ visit: (StreamEvent) throws -> Bool
    ) throws -> Bool {
        let stream = try table("stream.read")
        let status = try showing(visit) { context in
            name.withText {
                stream.pointee.read(
                    call.services.pointee.host, call.id, $0, revision, UInt64(max(0, count)), direction.flags, show,
                    context)
            }
        }
        return try Self.isThere(status, "stream.read")
    }

    /// Shows at most `count` events that `filter` takes (1000 a page; 10,000 are looked at). Gives the `from` with which the
    /// next query goes on; `nil`: all are seen, or there is no such stream. Throws as `read`.
    @discardableResult
    public func query(
        _ filter: StreamFilter, count: Int = 1_000, _ visit: (StreamEvent) throws -> Bool
    ) throws -> UInt64? {
        let stream = try table("stream.query")
        var next: UInt64 = PATCHBAY_STREAM_NONE
        let status = try showing(visit) { context in
            name.withText { name in
                filter.withFilter {
                    stream.pointee.query(
                        call.services.pointee.host, call.id, name, $0, UInt64(max(0, count)), show, context, &next)
                }
            }
        }
        return try Self.isThere(status, "stream.query") && next != PATCHBAY_STREAM_NONE ? next : nil
    }

    /// The latest snapshot at this revision or before, by default the latest of all; `nil`: there is none.
    public func snapshot(at revision: UInt64 = .max) throws(ServiceError) -> Snapshot? {
        let stream = try table("stream.snapshot_get")
        var included: UInt64 = 0
        let value = try call.readValue("stream.snapshot_get") { buffer, length in
            name.withText {
                stream.pointee.snapshot_get(
                    call.services.pointee.host, call.id, $0, revision, buffer, length, &included)
            }
        }
        return value.map { Snapshot(value: $0, revision: included) }
    }

    /// Keeps what the events up to `revision` amount to; those that this call appends count. Throws `notFound` where the
    /// stream has no such revision, and `limit`.
    public func keepSnapshot(_ value: [UInt8], upTo revision: UInt64) throws(ServiceError) {
        let stream = try table("stream.snapshot_put")
        let status = name.withText { name in
            value.withUnsafeBufferPointer {
                stream.pointee.snapshot_put(
                    call.services.pointee.host, call.id, name, revision, $0.baseAddress, UInt64($0.count))
            }
        }
        try ServiceError.check(status, "stream.snapshot_put")
    }

    // MARK: Private

    private func table(_ operation: String) throws(ServiceError) -> UnsafePointer<patchbay_stream> {
        guard let stream = call.services.pointee.stream else { throw .missing(operation) }
        return stream
    }

    private static func isThere(_ status: patchbay_status, _ operation: String) throws(ServiceError) -> Bool {
        if status == patchbay_status(PATCHBAY_E_NOT_FOUND) { return false }
        try ServiceError.check(status, operation)
        return true
    }

    /// Lends all drafts at once.
    private func withDrafts(
        _ drafts: ArraySlice<EventDraft>, _ lent: [UnsafePointer<patchbay_draft>?],
        _ body: ([UnsafePointer<patchbay_draft>?]) -> patchbay_status
    ) -> patchbay_status {
        guard let draft = drafts.first else { return body(lent) }
        return draft.withDraft { withDrafts(drafts.dropFirst(), lent + [$0], body) }
    }

    /// Runs a reading whose context is a visitor; what that throws is thrown when the host has returned.
    private func showing(
        _ visit: (StreamEvent) throws -> Bool, _ reading: (UnsafeMutableRawPointer) -> patchbay_status
    ) throws -> patchbay_status {
        try withoutActuallyEscaping(visit) { visit in
            var visitor = Visitor(visit: visit)
            let status = withUnsafeMutablePointer(to: &visitor) { reading(UnsafeMutableRawPointer($0)) }
            if let error = visitor.error { throw error }
            return status
        }
    }
}

/// Somebody else appended to the stream first; read again and decide anew. Thrown out of a handler it is tried again.
public struct StreamConflict: Error, Sendable, Equatable, CustomStringConvertible {
    /// The last revision that the stream has; nil: it does not exist.
    public let revision: UInt64?
    /// What was found.
    public var description: String {
        revision.map { "the stream is at revision \($0)" } ?? "the stream does not exist"
    }
}

/// Who is shown events, and what it threw.
private struct Visitor {
    let visit: (StreamEvent) throws -> Bool
    var error: (any Error)?
}

private let show: patchbay_stream_visit = { context, event in
    guard let context, let event else { return 1 }
    let visitor = context.assumingMemoryBound(to: Visitor.self)
    do {
        return try visitor.pointee.visit(StreamEvent(event.pointee)) ? 0 : 1
    } catch {
        visitor.pointee.error = error
        return 1
    }
}

extension Call {
    /// A stream, which need not exist.
    public func stream(_ name: String) -> EventStream { EventStream(call: self, name: name) }

    /// Once this call is done the events of `stream` come to this handler and no other: those from `filter.from` on, then
    /// each as it is appended, in order. Repeatable: a subscription of this name that is there keeps its place. Throws
    /// `argument`, `limit`, `stale`.
    public func subscribe(_ name: String, to stream: String, _ filter: StreamFilter = StreamFilter())
        throws(ServiceError)
    {
        try services.pointee.subscribe(id, name, stream, filter)
    }

    /// Ends the handler's subscription of this name. False: there is none.
    @discardableResult
    public func unsubscribe(_ name: String) throws(ServiceError) -> Bool {
        let table = try services.pointee.subscriptions("stream.unsubscribe")
        let status = name.withText { table.pointee.unsubscribe(services.pointee.host, id, $0) }
        if status == patchbay_status(PATCHBAY_E_NOT_FOUND) { return false }
        try ServiceError.check(status, "stream.unsubscribe")
        return true
    }
}

extension Host {
    /// Only inside `init`: the handler has the events of `stream` from its start, as `Call.subscribe` says.
    public func subscribe(_ name: String, to stream: String, _ filter: StreamFilter = StreamFilter())
        throws(ServiceError)
    {
        try services.pointee.subscribe(0, name, stream, filter)
    }
}

extension HostServices {
    func subscribe(_ call: patchbay_call, _ name: String, _ stream: String, _ filter: StreamFilter) throws(ServiceError)
    {
        let table = try subscriptions("stream.subscribe")
        let status = name.withText { name in
            stream.withText { stream in filter.withFilter { table.pointee.subscribe(host, call, name, stream, $0) } }
        }
        try ServiceError.check(status, "stream.subscribe")
    }

    /// The table of streams, where it has what was appended to it last.
    func subscriptions(_ operation: String) throws(ServiceError) -> UnsafePointer<patchbay_stream> {
        guard let stream, stream.pointee.size >= UInt32(MemoryLayout<patchbay_stream>.size) else {
            throw .missing(operation)
        }
        return stream
    }
}
