import CPatchbay
import CPatchbayJSON
import CPatchbaySystem
import PatchbayDispatch
import PatchbayEvents
import PatchbayRouting
import PatchbayTelemetry

/// Turns text into batches: decodes lines, refuses what is wrong, routes what is right. One for each thread that takes
/// events in.
final class Intake {
    /// What is fixed for the whole run.
    struct Setup: Sendable {
        var table: RouteTable
        var plan: FieldPlan
        var limits: pbj_limits
        var unmatched: Unmatched
        /// The handler of each lane.
        var laneHandlers: [String]
        var tracer: Tracer
        /// The host's spans continue the trace that came with the event, instead of being linked to it.
        var continuesTrace: Bool
        /// What comes in was emitted by handlers or timers.
        var isReentry = false
        /// Which routes decide now; `nil` are those above for the whole run.
        var live: LiveRouting?
        /// The log's number of the configuration that decides; `nil` is the run's first.
        var configuration: UInt16?

        enum Unmatched: Sendable { case drop, deadLetter, refuse }
    }

    private(set) var setup: Setup
    let counters: IntakeCounters
    private let number: UInt64
    private let name: String
    private var matcher: RouteMatcher
    private var decoder: OpaquePointer
    private var fieldCount: Int
    private var fields: UnsafeMutablePointer<pbj_field>
    /// Of `setup.live`.
    private var adopted: UInt64 = 0
    /// By route, of matchers before the present one.
    private var pastErrors: [Int: (count: UInt64, text: String)] = [:]
    private var routed: UnsafeMutablePointer<RoutedDelivery>
    private var routedCapacity: Int
    private let perLane: UnsafeMutablePointer<UInt32>
    private var touched: ContiguousArray<UInt16> = []
    private let sequence: TraceSequence
    /// Lines so far.
    private(set) var lines: UInt64 = 0
    /// Why lines were refused, since the caller last took them; bounded by what one batch holds.
    private(set) var refusals: [Refusal] = []

    /// A line that was not accepted.
    struct Refusal {
        /// 1-based, in the source.
        var line: UInt64
        var message: String
    }

    /// - Parameters:
    ///   - number: of the source; tells traces of different sources apart.
    ///   - sequence: shared by the intakes of one source.
    init(
        _ setup: Setup, name: String, number: Int, counters: IntakeCounters, sequence: TraceSequence = TraceSequence()
    ) {
        self.sequence = sequence
        self.setup = setup
        self.name = name
        self.number = UInt64(number)
        self.counters = counters
        matcher = RouteMatcher(setup.table)
        decoder = pbj_decoder_new(setup.limits, setup.plan.handle)
        fieldCount = setup.plan.count
        fields = .allocate(capacity: max(1, EventBatch.eventsMax * fieldCount))
        routedCapacity = EventBatch.eventsMax * max(1, setup.table.deliveriesPerEventMax)
        routed = .allocate(capacity: routedCapacity)
        // Behind the handlers' lanes stands the one that buries.
        let lanes = setup.laneHandlers.count + 1
        perLane = .allocate(capacity: lanes)
        perLane.initialize(repeating: 0, count: lanes)
    }

    deinit {
        pbj_decoder_free(decoder)
        fields.deallocate()
        routed.deallocate()
        perLane.deallocate()
    }

    /// Decodes and routes the lines of `batch.text` up to `end`, as far as the batch has room.
    ///
    /// - Parameters:
    ///   - envelope: what plain JSON lines are wrapped in; `nil` when lines are CloudEvents.
    ///   - given: who gets the events; `nil` asks the routes.
    /// - Returns: the bytes consumed; the rest is for the next batch.
    func take(
        _ batch: EventBatch, end: Int, envelope: UnsafePointer<pbj_envelope>? = nil,
        given: GivenDeliveries? = nil
    ) -> Int {
        refusals.removeAll(keepingCapacity: true)
        if let live = setup.live, live.version != adopted { adopt(live) }
        var request = batch.request(upTo: end)
        request.envelope = envelope
        request.fields = fields
        pbj_decode(decoder, &request)
        batch.receivedAt = pbs_unix_now()
        batch.isEnveloped = envelope != nil
        batch.configuration = setup.configuration
        counters.received.add(UInt64(request.count))
        let count = settle(batch, request, given)
        group(batch, count)
        lines += UInt64(request.lines)
        return Int(request.consumed)
    }

    /// Counts and keeps a line that is refused without being decoded.
    func refuse(line: UInt64, _ message: String) {
        counters.received.add(1)
        counters.refused.add(1)
        refusals.append(Refusal(line: line, message: message))
    }

    /// Lines that were skipped without being decoded count as lines.
    func skipLine() { lines += 1 }
    func forgetRefusals() { refusals.removeAll(keepingCapacity: true) }

    /// Errors of conditions so far, by route, with the last one's text.
    func routingErrors() -> [(route: Int, count: UInt64, text: String)] {
        setup.table.routes.indices.compactMap { route in
            let past = pastErrors[route]
            let errors = matcher.counters(ofRoute: route).errors + (past?.count ?? 0)
            return errors == 0 ? nil : (route, errors, matcher.lastError(ofRoute: route) ?? past?.text ?? "")
        }
    }

    func matched(route: Int) -> UInt64 { matcher.counters(ofRoute: route).matched }

    // MARK: Private

    /// Decides by other routes from here on. Between two batches.
    private func adopt(_ live: LiveRouting) {
        for (route, count, text) in routingErrors() { pastErrors[route] = (count, text) }
        let (version, routing) = live.current
        adopted = version
        setup.table = routing.table
        setup.plan = routing.plan
        setup.unmatched = routing.unmatched
        setup.configuration = routing.configuration
        matcher = RouteMatcher(setup.table)
        pbj_decoder_free(decoder)
        decoder = pbj_decoder_new(setup.limits, setup.plan.handle)
        fieldCount = setup.plan.count
        fields.deallocate()
        fields = .allocate(capacity: max(1, EventBatch.eventsMax * fieldCount))
        makeRoom(EventBatch.eventsMax * max(1, setup.table.deliveriesPerEventMax))
    }

    /// Keeps the accepted records together at the front; the number of deliveries.
    private func settle(_ batch: EventBatch, _ request: pbj_batch, _ given: GivenDeliveries?) -> Int {
        if let given { makeRoom(given.most(of: Int(request.count))) }
        let events = batch.events
        var kept = 0
        var written = 0
        var dropped: UInt64 = 0
        for index in 0..<Int(request.count) {
            if events[index].error != 0 {
                refuse(batch, events[index])
                continue
            }
            if kept != index { events[kept] = events[index] }
            let slots = FieldSlots(base: fields + index * fieldCount)
            let start = written
            if let given {
                written += given.deliver(line: index, as: UInt32(kept), into: routed + written)
            } else {
                written += matcher.route(event: UInt32(kept), slots: slots, into: routed + written)
            }
            if written == start {
                switch setup.unmatched {
                case .drop: dropped += 1
                case .deadLetter: batch.unmatched.append(UInt32(kept))
                case .refuse:
                    counters.refused.add(1)
                    refusals.append(
                        Refusal(
                            line: lines + UInt64(events[kept].line_index) + 1,
                            message: "no route takes type \"\(String(BatchView(batch).bytes(events[kept].type)))\""))
                    continue
                }
            }
            trace(batch, kept, deliveries: (routed + start), count: written - start)
            kept += 1
        }
        batch.count = kept
        matcher.takeMarks(into: &batch.marks)
        counters.accepted.add(UInt64(kept))
        counters.dropped.add(dropped)
        return written
    }

    /// Given deliveries may be more than the routes ever make.
    private func makeRoom(_ count: Int) {
        guard count > routedCapacity else { return }
        routed.deallocate()
        routed = .allocate(capacity: count)
        routedCapacity = count
    }

    private func refuse(_ batch: EventBatch, _ record: pbj_event) {
        counters.refused.add(1)
        let error = BatchView(batch).error(of: record)
        refusals.append(Refusal(line: lines + UInt64(record.line_index) + 1, message: error.message))
    }

    /// Groups the deliveries by lane, keeping the order inside each: a counting sort over the lanes that occur.
    private func group(_ batch: EventBatch, _ count: Int) {
        guard count > 0 else { return }
        touched.removeAll(keepingCapacity: true)
        for index in 0..<count {
            let lane = routed[index].lane
            if perLane[Int(lane)] == 0 { touched.append(lane) }
            perLane[Int(lane)] += 1
        }
        batch.reserveDeliveries(count)
        var start: UInt32 = 0
        for lane in touched {
            let size = perLane[Int(lane)]
            batch.runs.append(LaneRun(lane: lane, lower: start, upper: start + size))
            perLane[Int(lane)] = start
            start += size
        }
        let deliveries = batch.deliveries
        for index in 0..<count {
            let lane = Int(routed[index].lane)
            deliveries[Int(perLane[lane])] = routed[index]
            perLane[lane] += 1
        }
        for lane in touched { perLane[Int(lane)] = 0 }
        batch.deliveryCount = count
    }

    /// Decides the event's place in its trace, and records the spans of receiving and routing when it is sampled.
    private func trace(
        _ batch: EventBatch, _ index: Int, deliveries: UnsafeMutablePointer<RoutedDelivery>, count: Int
    ) {
        sequence.last &+= 1
        let sequence = sequence.last
        var creator = TraceContext.none
        let record = batch.events[index]
        for position in 0..<Int(record.ext_count) {
            let attribute = batch.extensions[Int(record.ext_first) + position]
            guard attribute.key.len == 11, attribute.key.bytes.elementsEqual("traceparent".utf8) else { continue }
            creator = TraceContext(traceparent: UnsafeRawBufferPointer(attribute.value.bytes)) ?? .none
        }
        let tracer = setup.tracer
        let continues = setup.continuesTrace && creator.isValid
        let position = number << 48 | sequence
        var context = tracer.receive(position: position, parent: continues ? creator : .none)
        if creator.isValid, !continues {
            context.flags = context.flags & ~TraceContext.Flag.sampled | (creator.flags & TraceContext.Flag.sampled)
        }
        var trace = EventTrace()
        trace.traceHigh = context.traceID.high
        trace.traceLow = context.traceID.low
        trace.creator = creator.spanID
        trace.receive = context.spanID
        trace.sampled = context.isSampled
        batch.traces[index] = trace
        if tracer.records(context) {
            recordSpans(
                batch, record, context, creator, continues: continues,
                deliveries: UnsafeBufferPointer(start: deliveries, count: count))
        }
    }

    private func recordSpans(
        _ batch: EventBatch, _ record: pbj_event, _ context: TraceContext, _ creator: TraceContext, continues: Bool,
        deliveries: UnsafeBufferPointer<RoutedDelivery>
    ) {
        let view = BatchView(batch)
        let now = pbs_unix_now()
        let about = SpannedEvent(
            id: String(view.bytes(record.id)), source: String(view.bytes(record.source)),
            type: String(view.bytes(record.type)),
            subject: record.subject.length == 0 ? nil : String(view.bytes(record.subject)),
            bodyBytes: Int(record.data.length))
        var receive: Span
        if setup.isReentry {
            let handler = about.source
            receive = .emit(
                about, from: handler, context: context, parentSpanID: creator.spanID,
                start: min(batch.receivedAt, now), end: now)
        } else {
            receive = .receive(about, from: name, context: context, start: min(batch.receivedAt, now), end: now)
        }
        for attribute in view.extensions(of: record)
        where attribute.key.bytes.elementsEqual(ReplayMark.attribute.utf8) {
            receive[SpanKey.replay] = .string(String(attribute.value))
        }
        if continues {
            receive.parentSpanID = creator.spanID
            receive.parentIsRemote = !setup.isReentry
        } else if creator.isValid {
            receive.links.append(Span.Link(context: creator))
        }
        var names: [String] = []
        for delivery in deliveries {
            let name = setup.routeName(Int(delivery.route))
            if names.last != name { names.append(name) }
        }
        let route = Span.route(
            matched: names, handlers: deliveries.compactMap { setup.laneHandler(Int($0.lane)) },
            context: context.child(
                spanID: setup.tracer.ids.spanID(position: number << 48 | sequence.last, role: IDGenerator.Role.route)),
            parentSpanID: context.spanID, start: receive.start, end: now)
        setup.tracer.record(receive)
        setup.tracer.record(route)
    }
}

/// Counts the events of one source, so that their trace ids do not repeat. One thread.
final class TraceSequence {
    fileprivate(set) var last: UInt64 = 0
}

extension Intake.Setup {
    /// `nil` for the lane that buries.
    func laneHandler(_ lane: Int) -> String? { lane < laneHandlers.count ? laneHandlers[lane] : nil }

    /// Timers' and subscriptions' deliveries go by routes that the table does not have.
    func routeName(_ index: Int) -> String {
        if index < table.routes.count { return table.routes[index].name }
        return index == table.routes.count ? Blueprint.timerRouteName : Blueprint.subscriptionRouteName
    }
}
