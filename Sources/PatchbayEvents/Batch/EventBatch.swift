package import CPatchbay
package import CPatchbayJSON
import CPatchbaySystem

/// A run of events with the text they point into and the deliveries that the router gave them.
///
/// The unit of everything that costs: one hand-over between threads, one append, one release. It belongs to one
/// thread at a time: the source that fills it, then the dispatcher (workers read it meanwhile), then the source again.
package final class EventBatch: @unchecked Sendable {
    // Invariant: ownership passes with the reference through a ring; only the owner writes.

    /// Most events of one batch.
    package static let eventsMax = 512
    /// Room for extension attributes of one batch.
    package static let extensionsMax = 4096
    /// Room for deliveries that every batch has.
    private static let deliveriesMin = 16
    /// What is mapped takes whole pages.
    private static let pageBytes = 4096
    /// simdjson reads past the end of what it parses.
    package static let padding = 64

    package private(set) var text: UnsafeMutablePointer<CChar>
    package private(set) var textCapacity: Int
    package let events: UnsafeMutablePointer<pbj_event>
    package let extensions: UnsafeMutablePointer<patchbay_kv>
    package let traces: UnsafeMutablePointer<EventTrace>
    package let arena: OpaquePointer
    package private(set) var deliveries: UnsafeMutablePointer<RoutedDelivery>
    private var deliveryCapacity: Int

    /// Bytes of `text` in use.
    package var textCount = 0
    /// Accepted events; refused lines are not among them.
    package var count = 0
    package var deliveryCount = 0
    /// Extension attributes in use; kept by whoever appends copies.
    package var extensionCount = 0
    /// One per lane that gets any of it.
    package var runs: [LaneRun] = []
    /// Events that no route matched and that `unmatched: deadLetter` keeps.
    package var unmatched: [UInt32] = []
    /// Of events that have deliveries by routes which take each event only once, in event order.
    package var marks: ContiguousArray<DeduplicationMark> = []
    /// Deliveries, by index, that had attempts in an earlier run.
    package var resumed: [UInt32: ResumedDelivery] = [:]
    /// Which source; the dispatcher gives the batch back there.
    package var source: Int
    /// Position of the first event in the log, from the log's append.
    package var firstPosition: UInt64 = 0
    /// Deliveries and owed calls that still need the memory. [dispatcher]
    package var holds = 0
    /// Unix nanoseconds when it was read.
    package var receivedAt: UInt64 = 0
    /// Its lines are plain JSON that an envelope made events of.
    package var isEnveloped = false
    /// Its deliveries were not decided by the routes of this run.
    package var isGiven = false
    /// It is of a replay whose calls have no effects but their outcomes.
    package var isMuted = false
    /// The log's number of the configuration that decided its deliveries; `nil` is the one that the run began with.
    package var configuration: UInt16?

    // Text and records are mapped, not allocated: a batch that goes gives its pages back at once, so what a burst took
    // does not stay with the process. The kernel makes one mapping of those that lie side by side.
    package init(source: Int, textCapacity: Int) {
        self.source = source
        self.textCapacity = textCapacity
        text = Self.map(textCapacity + Self.padding)
        events = Self.map(Self.eventsMax)
        extensions = Self.map(Self.extensionsMax)
        traces = Self.map(Self.eventsMax)
        deliveryCapacity = Self.deliveriesMin
        deliveries = .allocate(capacity: deliveryCapacity)
        arena = pbj_arena_new()
    }

    deinit {
        Self.unmap(text, textCapacity + Self.padding)
        Self.unmap(events, Self.eventsMax)
        Self.unmap(extensions, Self.extensionsMax)
        Self.unmap(traces, Self.eventsMax)
        deliveries.deallocate()
        pbj_arena_free(arena)
    }

    /// Zeroed memory for `count` elements.
    private static func map<T>(_ count: Int) -> UnsafeMutablePointer<T> {
        let bytes = UInt64(count * MemoryLayout<T>.stride)
        guard let raw = pbs_reserve(bytes) else { preconditionFailure("no memory for \(bytes) bytes of events") }
        return raw.bindMemory(to: T.self, capacity: count)
    }

    private static func unmap<T>(_ base: UnsafeMutablePointer<T>, _ count: Int) {
        pbs_release(base, UInt64(count * MemoryLayout<T>.stride))
    }

    /// What a batch takes with nothing but a few short events, in bytes.
    package static let byteCountMin = 4 * pageBytes + deliveriesMin * MemoryLayout<RoutedDelivery>.stride

    /// Memory that it holds while it is retained, in bytes.
    package var byteCount: Int {
        Self.pages(textCapacity + Self.padding) + Self.pages(Int(pbj_arena_used(arena)))
            + Self.pages(count * MemoryLayout<pbj_event>.stride) + Self.pages(count * MemoryLayout<EventTrace>.stride)
            + Self.pages(max(1, extensionCount) * MemoryLayout<patchbay_kv>.stride)
            + max(Self.deliveriesMin, deliveryCount) * MemoryLayout<RoutedDelivery>.stride
    }

    private static func pages(_ bytes: Int) -> Int { (bytes + pageBytes - 1) / pageBytes * pageBytes }

    /// Empties it for the next fill; text is kept by whoever calls.
    package func reset() {
        textCount = 0
        count = 0
        deliveryCount = 0
        extensionCount = 0
        runs.removeAll(keepingCapacity: true)
        unmatched.removeAll(keepingCapacity: true)
        marks.removeAll(keepingCapacity: true)
        if !resumed.isEmpty { resumed.removeAll() }
        holds = 0
        isEnveloped = false
        isGiven = false
        isMuted = false
        configuration = nil
        pbj_arena_reset(arena)
    }

    /// Gives its events consecutive positions in the log.
    package func place(at position: UInt64) {
        firstPosition = position
        for index in 0..<count { traces[index].position = position + UInt64(index) }
    }

    /// Makes room for `capacity` bytes of text, keeping what is there.
    package func growText(to capacity: Int) {
        guard capacity > textCapacity else { return }
        let grown: UnsafeMutablePointer<CChar> = Self.map(capacity + Self.padding)
        grown.update(from: text, count: textCount)
        Self.unmap(text, textCapacity + Self.padding)
        text = grown
        textCapacity = capacity
    }

    /// Makes room for `additional` deliveries beyond those there.
    @inlinable package func reserveDeliveries(_ additional: Int) {
        if deliveryCount + additional > roomForDeliveries { growDeliveries(additional) }
    }

    @usableFromInline package var roomForDeliveries: Int { deliveryCapacity }

    @usableFromInline package func growDeliveries(_ additional: Int) {
        let capacity = max(deliveryCapacity * 2, deliveryCount + additional)
        let grown = UnsafeMutablePointer<RoutedDelivery>.allocate(capacity: capacity)
        grown.update(from: deliveries, count: deliveryCount)
        deliveries.deallocate()
        deliveries = grown
        deliveryCapacity = capacity
    }
}
