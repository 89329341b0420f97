import CPatchbay
import CPatchbayJSON
import PatchbayEvents
import PatchbayLog
import PatchbayRouting

/// Reads what a replay delivers again, step by step. One thread.
package final class ReplayScan {
    /// What one step found.
    struct Step {
        /// Structured JSON with the replay's marks.
        var lines: [[UInt8]] = []
        var deliveries = GivenDeliveries.DeliveryList()
        var counts = ReplayCounts()
        /// Behind the last event that was looked at.
        var place = ReplayPlace()
        /// Of the event at `place`, in the log.
        var position: UInt64 = 0
        /// When what comes next was accepted; `nil` at the end, and after a step that was full.
        var nextAt: UInt64?
        var isAtEnd = false
    }

    /// The bounds of one step.
    struct Bounds {
        var events = EventBatch.eventsMax
        /// Only what was accepted before it, in Unix nanoseconds.
        var before: UInt64?
        fileprivate static let frames = 2_048
        fileprivate static let textBytes = 4 << 20
    }

    let order: ReplayOrder
    /// Frames from this one on are not read: a replay does not replay itself.
    package let until: UInt64
    /// The first frame that may be in the window.
    package let first: UInt64
    /// Of the events from `first` to `until`.
    private let positions: Range<UInt64>
    private let reader: LogReader
    private let pattern: TypePattern?
    /// The log's numbers of the order's route and handler.
    private let route: UInt16?
    private let handler: UInt16?
    /// Of the lane that buries.
    private let nobody: UInt16?
    /// Who gets everything; `nil` is as recorded.
    private let target: DeliveryPlaces.Place?
    private let place: (_ route: UInt16, _ handler: UInt16) -> DeliveryPlaces.Place?
    private let decoder = StoredDecoder()
    /// Where the next step most likely goes on.
    private var cursor: FrameCursor?

    /// - Parameters:
    ///   - names: the log's.
    ///   - until: the first frame that is too new; `nil` is what comes next.
    ///   - place: where a recorded delivery goes now; `nil` when there is no such handler.
    ///   - target: the place of `order.target`.
    /// - Throws: what the log has no name for; `.missing` when it is dropped meanwhile.
    init(
        _ order: ReplayOrder, _ reader: LogReader, names: NameTable, until: UInt64? = nil,
        target: DeliveryPlaces.Place? = nil,
        place: @escaping (_ route: UInt16, _ handler: UInt16) -> DeliveryPlaces.Place?
    ) throws(ReplayError) {
        self.order = order
        self.reader = reader
        self.target = target
        self.place = place
        do {
            pattern = try order.type.map { type throws(RoutingError) in try TypePattern(type) }
        } catch {
            throw ReplayError("\(error)")
        }
        route = try Self.number(.route, order.route, names)
        handler = try Self.number(.handler, order.handler, names)
        nobody = names.number(.handler, "")
        let (sequences, positions) = (reader.sequences, reader.positions)
        self.until = min(until ?? .max, sequences.upperBound)
        let begin = try Self.first(order.from, reader)
        first = begin?.firstSequence ?? (order.from == nil ? sequences.lowerBound : sequences.upperBound)
        let lower = begin?.firstPosition ?? positions.lowerBound
        self.positions = min(lower, positions.upperBound)..<positions.upperBound
    }

    /// How much of the log's part lies before the place of a step, by events: frames may have one or thousands.
    func share(at step: Step) -> Double {
        guard !step.isAtEnd, !positions.isEmpty else { return step.isAtEnd ? 1 : 0 }
        let done = step.position - min(step.position, positions.lowerBound)
        return min(1, Double(done) / Double(positions.count))
    }

    private static func number(
        _ kind: NameRecord.Kind, _ name: String?, _ names: NameTable
    ) throws(ReplayError) -> UInt16? {
        guard let name else { return nil }
        if let number = names.number(kind, name) { return number }
        let known = names.names(kind).filter { !$0.isEmpty && !$0.hasPrefix("(") }.joined(separator: ", ")
        throw ReplayError("no run on this log had a \(kind) '\(name)'; it knows \(known)")
    }

    /// Segments that end before the window are not read; `nil` when there is no bound, or no segment behind it.
    private static func first(_ from: UInt64?, _ reader: LogReader) throws(ReplayError) -> SegmentInfo? {
        guard let from else { return nil }
        do {
            return try reader.segments.first { !$0.isSealed || $0.writtenAt >= from }
        } catch {
            throw ReplayError("\(error)")
        }
    }

    /// Reads on from a place, to a bound of the step or the end of the window.
    func step(from start: ReplayPlace, _ bounds: Bounds) throws(ReplayError) -> Step {
        var step = Step()
        step.place = start.frame == 0 ? ReplayPlace(frame: first) : start
        do {
            try read(&step, bounds)
        } catch {
            throw ReplayError("\(error)")
        }
        step.counts.events = UInt64(step.lines.count)
        step.counts.deliveries = UInt64(step.deliveries.deliveryCount)
        return step
    }

    // MARK: Private

    private func read(_ step: inout Step, _ bounds: Bounds) throws {
        var cursor =
            cursor.flatMap { $0.sequence == step.place.frame ? $0 : nil }
            ?? reader.frames(fromSequence: step.place.frame)
        self.cursor = nil
        var text = 0
        for _ in 0..<Bounds.frames {
            guard step.place.frame < until, let frame = try cursor.next() else { return step.isAtEnd = true }
            let header = frame.view.header
            step.position = header.firstPosition + UInt64(step.place.event)
            // A clock that was set back lets later frames seem earlier, so none of them is the last of the window.
            if header.eventCount > 0, header.writtenAt >= order.from ?? 0, header.writtenAt < order.to ?? .max {
                if let before = bounds.before, header.writtenAt >= before {
                    return step.nextAt = header.writtenAt
                }
                guard try take(frame.view, &step, bounds, &text) else {
                    return step.position = header.firstPosition + UInt64(step.place.event)
                }
            }
            step.place = ReplayPlace(frame: header.sequence + 1)
            step.position = header.firstPosition + UInt64(header.eventCount)
        }
        self.cursor = cursor
    }

    /// False when the step is full; its place is behind the last event then.
    private func take(_ frame: FrameView, _ step: inout Step, _ bounds: Bounds, _ text: inout Int) throws -> Bool {
        var first = 0
        var isFull = false
        _ = try frame.forEachSection { (kind, bytes) throws(LogFormatError) in
            guard kind == .events, !isFull else { return }
            let section = try EventsSection(bytes)
            defer { first += section.count }
            guard first + section.count > step.place.event else { return }
            isFull = !(try take(section, from: first, &step, bounds, &text))
        }
        return !isFull
    }

    private func take(
        _ section: EventsSection, from first: Int, _ step: inout Step, _ bounds: Bounds, _ text: inout Int
    ) throws(LogFormatError) -> Bool {
        let skipped = max(0, step.place.event - first)
        var deliveries = [[EventsSection.Delivery]](repeating: [], count: section.count)
        try section.forEachDelivery { delivery in
            guard delivery.event >= skipped, delivery.handler != nobody, route.map({ $0 == delivery.route }) ?? true,
                handler.map({ $0 == delivery.handler }) ?? true
            else { return }
            deliveries[delivery.event].append(delivery)
        }
        let takesAll = target != nil && route == nil && handler == nil
        let wanted = (skipped..<section.count).filter { takesAll || !deliveries[$0].isEmpty }
        let batch = try decoded(section, wanted)
        let view = BatchView(batch)
        for (index, event) in wanted.enumerated() {
            if step.lines.count >= bounds.events || text >= Bounds.textBytes {
                step.place.event = first + event
                return false
            }
            guard isTaken(view, index, &step.counts) else { continue }
            var placed: [RoutedDelivery] = []
            for delivery in deliveries[event] where target == nil {
                guard let place = place(delivery.route, delivery.handler) else {
                    step.counts.orphaned += 1
                    continue
                }
                placed.append(
                    RoutedDelivery(
                        event: 0, route: place.route, lane: place.lane, keyHash: delivery.keyHash,
                        rateKeyHash: delivery.rateKeyHash, priority: delivery.priority))
            }
            if let target {
                placed = [RoutedDelivery(event: 0, route: target.route, lane: target.lane, keyHash: 0, priority: 5)]
            }
            guard !placed.isEmpty else { continue }
            step.lines.append(view.json(of: index, adding: order.marks))
            step.deliveries.add(placed)
            text += step.lines[step.lines.count - 1].count
        }
        step.place.event = first + section.count
        return true
    }

    private func decoded(_ section: EventsSection, _ events: [Int]) throws(LogFormatError) -> EventBatch {
        let batch = EventBatch(source: -1, textCapacity: events.reduce(1) { $0 + section.line($1).count + 1 })
        guard !events.isEmpty else { return batch }
        for event in events { StoredDecoder.append(section.line(event), to: batch) }
        try decoder.decode(batch, events.count)
        return batch
    }

    /// Whether an event is one of the order's; what is left out for a reason is counted.
    private func isTaken(_ view: BatchView, _ index: Int, _ counts: inout ReplayCounts) -> Bool {
        let record = view.events[index]
        if let pattern, !pattern.matches(String(view.bytes(record.type))) { return false }
        var isEmitted = false
        for attribute in view.extensions(of: record) {
            let name = attribute.key.bytes
            if name.elementsEqual(ReplayMark.attribute.utf8) || name.elementsEqual("dlqredrives".utf8) {
                counts.copies += 1
                return false
            }
            isEmitted = isEmitted || name.elementsEqual("emitdepth".utf8)
        }
        if isEmitted, order.leavesOutEmitted {
            counts.emitted += 1
            return false
        }
        return true
    }
}

/// Why a replay cannot go on.
package struct ReplayError: Error, Sendable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}
