import CPatchbayJSON
package import PatchbayEvents

extension DispatchCore {
    /// Moves what is still waiting out of batches that are mostly settled, so that a lane that lags retains its own
    /// events and not its neighbours', and out of those that came with few events, so that it retains little more than
    /// these. A batch of which a call is open stays as it is until a later compaction: copies
    /// would come on top of it.
    ///
    /// Costs a look at every loaded delivery and every run: call it when the log has grown by a good part of its bound.
    ///
    /// - Returns: the new batches; they are retained here already, and released like others.
    package mutating func compact(effects: inout DispatchEffects) -> [EventBatch] {
        let waiting = waitingInLooseBatches()
        var moves: [BatchMove] = []
        var lower = 0
        while lower < waiting.count {
            let slot = waiting[lower].slot
            let upper = waiting[lower...].firstIndex { $0.slot != slot } ?? waiting.count
            if let move = move(of: slot, waiting[lower..<upper]) { moves.append(move) }
            lower = upper
        }
        // What it is moved to takes memory, too.
        guard moves.reduce(0, { $0 + $1.gainedBytes }) > EventBatch.byteCountMin else { return [] }
        var packer = BatchPacker(textLeft: moves.reduce(0) { $0 + $1.textBytes })
        for move in moves where packer.hasRoom(for: move, &batches) {
            guard let indices = packer.copy(move, &batches) else { continue }
            for part in waiting[move.parts] { perform(part, indices, &packer) }
            for _ in 0..<move.holds { release(batch: move.slot, effects: &effects) }
        }
        return packer.finish(&batches)
    }

    /// What is not in flight of loose batches, batch by batch.
    private func waitingInLooseBatches() -> [WaitingPart] {
        var waiting: [WaitingPart] = []
        for node in 1..<max(1, deliveries.highWater) {
            let delivery = deliveries.base[node]
            guard delivery.state != .free, delivery.state != .inFlight, isLoose(delivery.batch) else {
                continue
            }
            waiting.append(WaitingPart(slot: delivery.batch, link: Link(node), isRun: false))
        }
        for lane in 0..<plan.lanes.count {
            var link = lanes[lane].runHead
            while link != 0 {
                let run = runs.base[Int(link)]
                if run.lower < run.upper, isLoose(run.batch) {
                    waiting.append(WaitingPart(slot: run.batch, link: link, isRun: true))
                }
                link = run.next
            }
        }
        waiting.sort { $0.slot < $1.slot }
        return waiting
    }

    /// Partly settled, or with few events from the start.
    private func isLoose(_ slot: Link) -> Bool {
        let batch = batches.base + Int(slot)
        guard !batch.pointee.isMuted else { return false }
        return batch.pointee.holds < batch.pointee.deliveries || batch.pointee.deliveries <= Self.fewDeliveries
    }

    private static var fewDeliveries: Int { EventBatch.eventsMax / 8 }

    /// `nil` when a batch is not worth moving: something else keeps it, or it would not get much smaller.
    private func move(of slot: Link, _ parts: ArraySlice<WaitingPart>) -> BatchMove? {
        let view = batches.base[Int(slot)].view
        var move = BatchMove(slot: slot, parts: parts.indices)
        var isNeeded = [Bool](repeating: false, count: EventBatch.eventsMax)
        for part in parts {
            if part.isRun {
                let run = runs.base[Int(part.link)]
                move.holds += Int(run.upper - run.lower)
                for index in run.lower..<run.upper { isNeeded[Int(view.deliveries[Int(index)].event)] = true }
            } else {
                move.holds += 1
                isNeeded[Int(deliveries.base[Int(part.link)].event)] = true
            }
        }
        guard move.holds == batches.base[Int(slot)].holds else { return nil }
        move.events = isNeeded.indices.filter { isNeeded[$0] }
        var bytes = move.holds * MemoryLayout<RoutedDelivery>.stride
        for index in move.events {
            let event = view.events[index]
            move.textBytes += Int(event.line.length)
            move.extensions += Int(event.ext_count)
            bytes += Int(event.line.length) + MemoryLayout<pbj_event>.stride + 64
        }
        let held = batches.base[Int(slot)].batch.takeUnretainedValue().byteCount
        move.gainedBytes = held - bytes
        return bytes * 2 <= held ? move : nil
    }

    private func perform(_ part: WaitingPart, _ indices: [UInt32], _ packer: inout BatchPacker) {
        guard part.isRun else {
            let delivery = deliveries.base + Int(part.link)
            delivery.pointee.batch = packer.slot
            delivery.pointee.event = indices[Int(delivery.pointee.event)]
            return
        }
        let run = runs.base + Int(part.link)
        let view = batches.base[Int(part.slot)].view
        let pasts = batches.base[Int(part.slot)].batch._withUnsafeGuaranteedRef { $0.resumed }
        let lower = packer.deliveryCount
        for index in run.pointee.lower..<run.pointee.upper {
            var routed = view.deliveries[Int(index)]
            routed.event = indices[Int(routed.event)]
            packer.append(routed, past: pasts[index])
        }
        run.pointee.batch = packer.slot
        run.pointee.lower = lower
        run.pointee.upper = packer.deliveryCount
    }
}

/// A delivery or a run that holds a batch and is not in flight.
private struct WaitingPart: BitwiseCopyable {
    var slot: Link
    var link: Link
    var isRun: Bool
}

/// Everything that still holds one batch.
private struct BatchMove {
    var slot: Link
    var parts: Range<Int>
    var holds = 0
    /// The events that are needed, each once, in order.
    var events: [Int] = []
    var textBytes = 0
    var extensions = 0
    /// What the batch takes beyond that.
    var gainedBytes = 0
}

/// Packs events of many batches densely into few; what is needed of one batch stays together.
private struct BatchPacker {
    /// Text of the moves that are still to come, in bytes.
    private var textLeft: Int
    private var current: EventBatch?
    private(set) var slot: Link = 0
    private var holds = 0
    private var packed: [EventBatch] = []
    private static let textBytes = 128 << 10

    init(textLeft: Int) { self.textLeft = textLeft }

    var deliveryCount: UInt32 { UInt32(current?.deliveryCount ?? 0) }

    /// `past` is what it has behind it from an earlier run.
    mutating func append(_ delivery: RoutedDelivery, past: ResumedDelivery?) {
        if let past { current?.resumed[deliveryCount] = past }
        current?.append(delivery)
    }

    /// Makes room for all that is needed of a batch; false when there can be no further batch.
    mutating func hasRoom(for move: BatchMove, _ batches: inout Pool<BatchSlot>) -> Bool {
        let textNeeded = min(max(move.textBytes, Self.textBytes), textLeft)
        textLeft -= move.textBytes
        if let current, current.count + move.events.count <= EventBatch.eventsMax,
            current.textCount + move.textBytes <= current.textCapacity,
            current.extensionCount + move.extensions <= EventBatch.extensionsMax
        {
            return true
        }
        close(&batches)
        let next = batches.take()
        guard next != 0 else { return false }
        let batch = EventBatch(source: -1, textCapacity: textNeeded)
        batches.base[Int(next)] = BatchSlot(
            view: BatchView(batch), batch: Unmanaged.passRetained(batch), holds: 0, deliveries: 0)
        slot = next
        current = batch
        return true
    }

    /// Copies the events; where they are now by where they were, or `nil` when memory is out.
    mutating func copy(_ move: BatchMove, _ batches: inout Pool<BatchSlot>) -> [UInt32]? {
        guard let current else { return nil }
        let view = batches.base[Int(move.slot)].view
        var indices = [UInt32](repeating: 0, count: EventBatch.eventsMax)
        for event in move.events {
            guard let index = current.append(copying: event, of: view) else { return nil }
            indices[event] = UInt32(index)
        }
        holds += move.holds
        return indices
    }

    /// Batches that hold anything now. Their views are final from here on.
    mutating func finish(_ batches: inout Pool<BatchSlot>) -> [EventBatch] {
        close(&batches)
        return packed
    }

    /// Deliveries may have moved while they grew: the slot gets the final view.
    private mutating func close(_ batches: inout Pool<BatchSlot>) {
        guard let batch = current else { return }
        current = nil
        if holds == 0 {
            batches.base[Int(slot)].batch.release()
            batches.free(slot)
        } else {
            batches.base[Int(slot)].view = BatchView(batch)
            batches.base[Int(slot)].holds = holds
            batches.base[Int(slot)].deliveries = holds
            batches.base[Int(slot)].isResumed = !batch.resumed.isEmpty
            packed.append(batch)
        }
        holds = 0
    }
}
