import CPatchbay
import PatchbayEvents
import PatchbayLog

/// What `query` of `patchbay.stream/0` is asked for.
struct StreamQuery {
    var selection: StreamSelection
    /// Events to show at most.
    var count: Int
    private var takesType: (@Sendable (String) -> Bool)?
    private var correlation: String?

    /// Events that one query looks at, at most: a handler that waits for more would hold its thread.
    static let lookedAtMax = 10_000

    init(
        _ filter: UnsafePointer<patchbay_stream_filter>, count: UInt64, _ environment: HostEnvironment
    ) throws(ServiceRefusal) {
        guard filter.pointee.size >= UInt32(MemoryLayout<patchbay_stream_filter>.size) else { throw .badArgument }
        let filter = filter.pointee
        selection = StreamSelection(
            filter.flags & PATCHBAY_STREAM_BACKWARD != 0 ? .backward : .forward, from: filter.from,
            since: filter.since_ns == 0 ? nil : filter.since_ns, asOf: filter.as_of_ns == 0 ? nil : filter.as_of_ns)
        self.count = Int(min(count, UInt64(StreamService.pageEvents)))
        if filter.type.len > 0 {
            let pattern = try ForeignText.string(filter.type, max: environment.limits.eventBytes)
            guard let takes = environment.typeMatcher(pattern) else { throw .badArgument }
            takesType = takes
        }
        if filter.correlation.len > 0 {
            correlation = try ForeignText.string(filter.correlation, max: environment.limits.eventBytes)
        }
    }

    func takes(_ event: Event) -> Bool {
        (takesType.map { $0(event.type) } ?? true) && (correlation.map { $0 == event["correlationid"] } ?? true)
    }

    /// Where to go on behind a revision; `nil` when there is nothing behind it.
    func place(behind revision: UInt64) -> UInt64? {
        switch selection.direction {
        case .forward: revision + 1
        case .backward: revision == 0 ? nil : revision - 1
        }
    }
}

extension StreamService {
    /// Shows what a query takes; where the next one goes on, `nil` at the stream's end.
    static func run(
        _ query: StreamQuery, _ stream: String, _ visit: patchbay_stream_visit, _ visitor: UnsafeMutableRawPointer?,
        _ context: HostContext
    ) throws(ServiceRefusal) -> UInt64? {
        let codec = CloudEventsCodec.ofStored()
        var selection = query.selection
        var (shown, lookedAt) = (0, 0)
        while shown < query.count, lookedAt < StreamQuery.lookedAtMax {
            let page = try page(stream, selection, count: pageEvents, context)
            for event in page {
                let next = query.place(behind: event.revision)
                let decoded = decoded(event, codec)
                guard query.takes(decoded) else { continue }
                shown += 1
                guard show(event, decoded, visit, visitor), shown < query.count else { return next }
            }
            guard page.count == pageEvents, let last = page.last, let next = query.place(behind: last.revision) else {
                return nil
            }
            lookedAt += page.count
            selection.from = next
        }
        return selection.from
    }
}
