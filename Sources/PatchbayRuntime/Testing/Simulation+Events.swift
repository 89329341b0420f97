import CPatchbayJSON
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayRouting
import PatchbayTelemetry

/// Bounds of the events of tests.
enum EventText {
    /// What handlers emit was measured when they did; here it was when the test was read.
    static let emittedBytesMax = 64 << 20
}

extension Simulation {
    /// An event on its way back into intake.
    struct Emit {
        var event: Event
        var cause: Int
        /// It is too far from its origin.
        var isBuried: Bool
    }

    /// An event about to be taken in.
    private struct Given {
        var id: String
        var type: String
        var json: [UInt8]
        var cause: Int?
    }

    // MARK: From outside

    func send(_ sent: [(sending: Int, number: Int)]) {
        guard !sent.isEmpty else { return }
        take(
            sent.map { sending, number in
                let event = test.send.items[sending].event
                let id = eventIDs[sending][number]
                return Given(
                    id: id, type: event["type"] ?? "", json: event.json(id: id, source: "/test"), cause: nil)
            }, outside, isBuried: false)
    }

    // MARK: From handlers

    func emit(_ events: [Configuration.Test.EventText], _ call: UInt32, _ known: Open) {
        let reference = core.reference(ofCall: call)
        let trace = reference.batch.traces[reference.event]
        let handler = plan.lanes[known.lane].handler.name
        let lineage = EmitLineage(
            parent: BatchView(reference.batch).event(reference.event), handler: handler,
            context: TraceContext(
                traceID: TraceID(high: trace.traceHigh, low: trace.traceLow), spanID: trace.receive,
                flags: trace.sampled ? TraceContext.Flag.sampled : 0))
        let depth = lineage.depth + 1
        let source = "//patchbay/\(handler.replacing(".", with: "/", maxReplacements: 1))"
        for (index, text) in events.enumerated() {
            guard let draft = Self.event(text, source: source) else { continue }
            let event = lineage.descendant(draft, place: String(index), depth: depth, unixNow: unixNow)
            let isBuried = depth > blueprint.configuration.limits.emitDepth
            emits.append(
                Emit(event: isBuried ? lineage.buried(event) : event, cause: known.delivery, isBuried: isBuried))
        }
    }

    /// The event that the text is; `nil` never, since its reader has decoded it before.
    private static func event(_ text: Configuration.Test.EventText, source: String) -> Event? {
        do throws(CloudEventsError) {
            var event = try CloudEventsCodec(eventBytes: EventText.emittedBytesMax, nesting: 1000).event(
                text.json(id: text["id"] ?? "-", source: source))
            if text["id"] == nil { event.id = "" }
            return event
        } catch {
            preconditionFailure("an event of a test was let through and is none: \(error.message)")
        }
    }

    /// Takes in what handlers emitted; true when there was any.
    func takeEmits() -> Bool {
        guard !emits.isEmpty else { return false }
        let taken = emits
        emits = []
        var from = 0
        while from < taken.count {
            let upTo = taken[from...].firstIndex { $0.isBuried != taken[from].isBuried } ?? taken.count
            take(
                taken[from..<upTo].map { emit in
                    Given(
                        id: emit.event.id, type: emit.event.type, json: emit.event.json, cause: emit.cause)
                }, inside, isBuried: taken[from].isBuried)
            from = upTo
        }
        return true
    }

    // MARK: Intake

    private func take(_ given: [Given], _ intake: Intake, isBuried: Bool) {
        var from = 0
        while from < given.count {
            // As many as a batch has room for.
            let upTo = min(given.count, from + 256)
            takeBatch(Array(given[from..<upTo]), intake, isBuried: isBuried)
            from = upTo
        }
    }

    private func takeBatch(_ given: [Given], _ intake: Intake, isBuried: Bool) {
        let size = given.reduce(0) { $0 + $1.json.count + 1 }
        let batch = spareBatches.popLast() ?? EventBatch(source: 0, textCapacity: max(1 << 12, size))
        batch.reset()
        batch.growText(to: size)
        for event in given {
            for byte in event.json {
                batch.text[batch.textCount] = CChar(bitPattern: byte)
                batch.textCount += 1
            }
            batch.text[batch.textCount] = 0x0A
            batch.textCount += 1
        }
        let firstLine = intake.lines + 1
        let first = journal.events.count
        for event in given {
            journal.events.append(
                Journal.Arrival(id: event.id, type: event.type, json: event.json, at: elapsed, cause: event.cause))
            if let cause = event.cause {
                journal.deliveries[cause].emitted.append(journal.events.count - 1)
            }
        }
        let consumed = intake.take(
            batch, end: size,
            given: isBuried ? .one(lane: UInt16(plan.burialLane), route: UInt16(plan.routes.count - 2)) : nil)
        precondition(consumed == size, "a batch has no room for what was put into it")
        for refusal in intake.refusals {
            journal.events[first + Int(refusal.line - firstLine)].refusal = refusal.message
        }
        let lines = (0..<batch.count).map { batch.events[$0].line_index }
        if deduplicator.admit(batch, unixNow: unixNow) > 0 {
            let left = Set((0..<batch.count).map { batch.events[$0].line_index })
            for line in lines where !left.contains(line) { journal.events[first + Int(line)].isDuplicate = true }
        }
        batch.firstPosition = UInt64(arrivals.count)
        for index in 0..<batch.count { arrivals.append(first + Int(batch.events[index].line_index)) }
        applyUnmatched(batch)
        note(batch)
        core.accept(batch, effects: &effects)
        journal.endedAt = elapsed
    }

    /// Why an event is refused that no route takes, with `unmatched: error`.
    static let unmatchedRefusal = "no route takes it"

    /// What no route takes: `unmatched` decides.
    private func applyUnmatched(_ batch: EventBatch) {
        switch blueprint.configuration.unmatched {
        case .deadLetter: plan.deliverUnmatched(batch)
        case .drop: batch.unmatched.removeAll()
        case .error:
            for index in batch.unmatched {
                journal.events[arrivals[Int(batch.firstPosition) + Int(index)]].refusal = Self.unmatchedRefusal
            }
            batch.unmatched.removeAll()
        }
    }

    /// Deliveries in the order of each event's routes, and those that bury with their event alone.
    private func note(_ batch: EventBatch) {
        for index in 0..<batch.deliveryCount {
            let routed = batch.deliveries[index]
            let position = batch.firstPosition + UInt64(routed.event)
            let event = arrivals[Int(position)]
            guard Int(routed.lane) != plan.burialLane else { continue }
            deliveryOf[DeliveryKey(position: position, lane: Int(routed.lane))] = journal.deliveries.count
            journal.events[event].deliveries.append(journal.deliveries.count)
            journal.deliveries.append(
                Journal.Delivery(event: event, route: Int(routed.route), lane: Int(routed.lane), key: routed.keyHash))
        }
        for index in 0..<batch.count {
            let event = arrivals[Int(batch.firstPosition) + index]
            guard journal.events[event].deliveries.count > 1 else { continue }
            let (order, deliveries) = (routeOrder, journal.deliveries)
            journal.events[event].deliveries.sort { left, right in
                let (a, b) = (deliveries[left], deliveries[right])
                return (order[a.route].place, order[a.route].lanes[a.lane] ?? 0)
                    < (order[b.route].place, order[b.route].lanes[b.lane] ?? 0)
            }
        }
    }

    // MARK: Death

    func bury(_ death: DispatchEffects.Death) {
        let reference = core.reference(of: death.delivery)
        let letter = plan.letter(
            death, of: reference, emitDepthMax: blueprint.configuration.limits.emitDepth, unixNow: unixNow)
        let position = reference.batch.firstPosition + UInt64(reference.event)
        let announced = plan.announcement(
            of: letter, reference, emitDepthMax: blueprint.configuration.limits.emitDepth, unixNow: unixNow)
        let event: Event
        do throws(CloudEventsError) {
            event = try CloudEventsCodec(eventBytes: 1 << 30, nesting: 2000).event(letter.line)
        } catch {
            preconditionFailure("a dead letter is no event: \(error.message)")
        }
        if let delivery = deliveryOf[DeliveryKey(position: position, lane: reference.lane)] {
            journal.deliveries[delivery].deadLetter = event
            journal.end(delivery, .dead, at: elapsed)
            if let announced {
                emits.append(Emit(event: announced.event, cause: delivery, isBuried: announced.isTooDeep))
            }
        } else {
            journal.events[arrivals[Int(position)]].deadLetter = event
        }
        core.buried(death.delivery, now: now, effects: &effects)
    }

    /// Why the route's transform has no event for the handler; `nil` when it has, or there is none.
    func transformFailure(of call: UInt32, _ delivery: Int) -> String? {
        let reference = core.reference(ofCall: call)
        guard let transform = plan.routes[reference.route].transform else { return nil }
        do throws(DeliveryTransformError) {
            let made = try transform.apply(
                to: BatchView(reference.batch), event: reference.event, lane: reference.lane)
            journal.deliveries[delivery].received = BatchView(made).event(0)
            transform.release(made)
            return nil
        } catch {
            return error.reason
        }
    }
}

extension Blueprint {
    /// The place of each route in the order of trying, and of each lane among its targets.
    var routeOrder: [(place: Int, lanes: [Int: Int])] {
        let byOrder = table.routes.indices.sorted { (table.routes[$0].order, $0) < (table.routes[$1].order, $1) }
        return table.routes.indices.map { route in
            var lanes: [Int: Int] = [:]
            for (place, target) in table.routes[route].targets.enumerated() {
                for choice in target.choices where lanes[Int(choice.handler.lane)] == nil {
                    lanes[Int(choice.handler.lane)] = place
                }
            }
            return (byOrder.firstIndex(of: route) ?? route, lanes)
        }
    }
}
