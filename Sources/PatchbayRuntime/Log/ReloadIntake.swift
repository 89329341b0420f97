import CPatchbaySystem
import Logging
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayRouting
import PatchbayTelemetry

/// Brings deliveries back from the log into memory: those of lanes that were far behind, and those of an earlier run.
///
/// Nothing is decided again: the deliveries are those that were recorded, with the attempts that were charged.
final class ReloadIntake: @unchecked Sendable {
    // Invariant: only the dispatcher's thread calls it, after it was made.
    private let reader: LogReader
    private let places: DeliveryPlaces
    private let decoder = StoredDecoder()
    private let tracer: Tracer
    private let logger: Logger
    /// Of deliveries that an earlier run left with attempts behind them.
    private var resumed: [DeliveryID: ResumedDelivery]
    private var hasFailed = false

    init(
        reader: LogReader, places: DeliveryPlaces, resumed: [DeliveryID: ResumedDelivery], tracer: Tracer,
        logger: Logger
    ) {
        self.reader = reader
        self.places = places
        self.resumed = resumed
        self.tracer = tracer
        self.logger = logger
    }

    /// `nil` when the log cannot be read there now; the reason is logged once.
    func batch(of handler: UInt16, _ pending: PendingEvents) -> EventBatch? {
        do {
            let frame = try reader.read(pending.location, sequence: pending.sequence)
            guard let section = try section(of: frame.view, at: pending.firstPosition) else {
                throw LogFormatError("no events at position \(pending.firstPosition)")
            }
            let batch = try load(section, handler, pending)
            hasFailed = false
            return batch
        } catch {
            if !hasFailed {
                logger.critical(
                    "pending events cannot be read back from the log and stay pending",
                    metadata: ["segment": "\(pending.location.segment)", "error": "\(error)"])
            }
            hasFailed = true
            return nil
        }
    }

    private func section(of frame: FrameView, at position: UInt64) throws -> EventsSection? {
        var first = frame.header.firstPosition
        var found: EventsSection?
        let isWhole = try frame.forEachSection { (kind, bytes) throws(LogFormatError) in
            guard kind == .events, found == nil else { return }
            let section = try EventsSection(bytes)
            if first == position { found = section }
            first += UInt64(section.count)
        }
        guard isWhole else { throw LogFormatError("a section ends before its frame says") }
        return found
    }

    private func load(_ section: EventsSection, _ handler: UInt16, _ pending: PendingEvents) throws -> EventBatch {
        var indices = [Int](repeating: -1, count: section.count)
        var bytes = 0
        for event in 0..<section.count where pending.events.contains(event) { bytes += section.line(event).count + 1 }
        let batch = EventBatch(source: -1, textCapacity: bytes)
        var count = 0
        for event in 0..<section.count where pending.events.contains(event) {
            StoredDecoder.append(section.line(event), to: batch)
            indices[event] = count
            count += 1
        }
        try decoder.decode(batch, count)
        batch.receivedAt = section.receivedAt
        batch.isMuted = section.isMuted
        batch.firstPosition = pending.firstPosition
        for event in 0..<section.count where indices[event] >= 0 {
            let position = pending.firstPosition + UInt64(event)
            // The event's own trace is kept when it was sampled or came with one; a fresh one does for the others.
            let context = tracer.receive(position: 0xFFFF << 48 | position, parent: .none)
            var trace = EventTrace()
            trace.traceHigh = context.traceID.high
            trace.traceLow = context.traceID.low
            trace.receive = context.spanID
            trace.position = position
            batch.traces[indices[event]] = trace
        }
        try section.forEachTrace { event, trace in
            guard indices[event] >= 0 else { return }
            var trace = trace
            trace.position = pending.firstPosition + UInt64(event)
            batch.traces[indices[event]] = trace
        }
        try deliver(batch, section, handler, pending, indices)
        return batch
    }

    /// Lane by lane, in recorded order.
    private func deliver(
        _ batch: EventBatch, _ section: EventsSection, _ handler: UInt16, _ pending: PendingEvents, _ indices: [Int]
    ) throws {
        var byLane: [UInt16: [(RoutedDelivery, DeliveryID)]] = [:]
        try section.forEachDelivery { recorded in
            guard recorded.handler == handler, indices[recorded.event] >= 0,
                let place = places.place(route: recorded.route, handler: recorded.handler)
            else { return }
            let delivery = RoutedDelivery(
                event: UInt32(indices[recorded.event]), route: place.route, lane: place.lane,
                keyHash: recorded.keyHash, rateKeyHash: recorded.rateKeyHash, priority: recorded.priority)
            let id = DeliveryID(
                position: pending.firstPosition + UInt64(recorded.event), handler: recorded.handler)
            byLane[place.lane, default: []].append((delivery, id))
        }
        for (lane, deliveries) in byLane.sorted(by: { $0.key < $1.key }) {
            let lower = UInt32(batch.deliveryCount)
            for (delivery, id) in deliveries {
                if let past = resumed.removeValue(forKey: id) { batch.resumed[UInt32(batch.deliveryCount)] = past }
                batch.append(delivery)
            }
            batch.runs.append(LaneRun(lane: lane, lower: lower, upper: UInt32(batch.deliveryCount)))
        }
    }
}

/// Where recorded deliveries belong in the plan of this run.
struct DeliveryPlaces: Sendable {
    struct Place: Sendable {
        var route: UInt16
        var lane: UInt16
    }

    private struct Pair: Hashable {
        var route: UInt16
        var handler: UInt16
    }

    private var places: [Pair: Place] = [:]
    /// By handler: for deliveries of routes that are no more, the default policies.
    private var fallback: [UInt16: Place] = [:]

    init(numbers: LogNumbers, routes: [(route: Int, lanes: [Int])], defaultRoute: Int) {
        for (lane, handler) in numbers.handlers.enumerated() where fallback[handler] == nil {
            fallback[handler] = Place(route: UInt16(defaultRoute), lane: UInt16(lane))
        }
        for (route, lanes) in routes {
            for lane in lanes {
                places[Pair(route: numbers.routes[route], handler: numbers.handlers[lane])] = Place(
                    route: UInt16(route), lane: UInt16(lane))
            }
        }
    }

    /// Those of a run's routes and lanes.
    init(_ numbers: LogNumbers, _ blueprint: Blueprint) {
        self.init(
            numbers: numbers, routes: blueprint.table.routes.indices.map { ($0, blueprint.lanes(ofRoute: $0)) },
            defaultRoute: blueprint.timerRoute)
    }

    /// The same for deliveries that are brought back: those of subscriptions are told of when they end. A copy of one, as
    /// a redrive or a replay makes, is none of its subscription's.
    static func ofReloads(_ numbers: LogNumbers, _ blueprint: Blueprint) -> DeliveryPlaces {
        var places = DeliveryPlaces(numbers, blueprint)
        let route = blueprint.subscriptionRoute
        for (handler, place) in places.fallback {
            places.places[Pair(route: numbers.routes[route], handler: handler)] = Place(
                route: UInt16(route), lane: place.lane)
        }
        return places
    }

    /// `nil` when this run has no such handler.
    func place(route: UInt16, handler: UInt16) -> Place? {
        places[Pair(route: route, handler: handler)] ?? fallback[handler]
    }
}
