import CPatchbayJSON
package import PatchbayEvents

extension DispatchCore {
    /// Moves what is still waiting out of batches that are mostly settled, so that a lane that lags retains its own
    /// events and not its neighbours'. Calls that are open keep their batch until they end.
    ///
    /// Costs a look at every loaded delivery and every run: call it when the log has grown by a good part of its bound.
    ///
    /// - Returns: the new batches; they are retained here already, and released like others.
    package mutating func compact(effects: inout DispatchEffects) -> [EventBatch] {
        var packer = BatchPacker()
        for node in 1..<max(1, deliveries.highWater) {
            let delivery = deliveries.base + node
            guard delivery.pointee.state != .free, delivery.pointee.state != .inFlight, isSparse(delivery.pointee.batch)
            else { continue }
            let old = delivery.pointee.batch
            guard let place = packer.place(old, Int(delivery.pointee.event), &batches) else { continue }
            delivery.pointee.batch = place.slot
            delivery.pointee.event = place.event
            batches.base[Int(place.slot)].holds += 1
            release(batch: old, effects: &effects)
        }
        for lane in 0..<plan.lanes.count { compactRuns(lane, &packer, effects: &effects) }
        return packer.finish(&batches)
    }

    /// A batch of which at most half is still waiting or open; never one that is being packed.
    private func isSparse(_ slot: Link) -> Bool {
        let batch = batches.base[Int(slot)]
        return batch.holds * 2 <= batch.deliveries
    }

    private mutating func compactRuns(_ lane: Int, _ packer: inout BatchPacker, effects: inout DispatchEffects) {
        var link = lanes[lane].runHead
        while link != 0 {
            let run = runs.base + Int(link)
            link = run.pointee.next
            let old = run.pointee.batch
            guard run.pointee.lower < run.pointee.upper, isSparse(old) else { continue }
            let view = batches.base[Int(old)].view
            let count = Int(run.pointee.upper - run.pointee.lower)
            let routed = (0..<count).map { view.deliveries[Int(run.pointee.lower) + $0] }
            guard let place = packer.place(run: routed, of: old, &batches) else { continue }
            run.pointee.batch = place.slot
            run.pointee.lower = place.lower
            run.pointee.upper = place.lower + UInt32(count)
            batches.base[Int(place.slot)].holds += count
            for _ in 0..<count { release(batch: old, effects: &effects) }
        }
    }
}

/// Packs events of many batches densely into few; an event that several deliveries need is copied once.
private struct BatchPacker {
    private struct Origin: Hashable {
        var slot: Link
        var event: UInt32
    }

    private var places: [Origin: (slot: Link, event: UInt32)] = [:]
    private var current: (batch: EventBatch, slot: Link)?
    private var packed: [(batch: EventBatch, slot: Link)] = []
    private static let textBytes = 128 << 10

    /// Where an event is now; `nil` when it cannot be moved.
    mutating func place(_ slot: Link, _ event: Int, _ batches: inout Pool<BatchSlot>) -> (slot: Link, event: UInt32)? {
        let origin = Origin(slot: slot, event: UInt32(event))
        if let known = places[origin] { return known }
        let view = batches.base[Int(slot)].view
        for _ in 0..<2 {
            if let current, let index = current.batch.append(copying: event, of: view) {
                let place = (slot: current.slot, event: UInt32(index))
                places[origin] = place
                return place
            }
            guard begin(&batches, textBytes: max(Self.textBytes, Int(view.events[event].line.length))) else {
                return nil
            }
        }
        return nil
    }

    /// Where a run of deliveries is now: all in one batch.
    mutating func place(
        run: [RoutedDelivery], of slot: Link, _ batches: inout Pool<BatchSlot>
    ) -> (slot: Link, lower: UInt32)? {
        let view = batches.base[Int(slot)].view
        let bytes = run.reduce(0) { $0 + Int(view.events[Int($1.event)].line.length) }
        guard let room = room(run.count, bytes, &batches) else { return nil }
        let lower = UInt32(room.batch.deliveryCount)
        var moved: [RoutedDelivery] = []
        for var delivery in run {
            guard let index = room.batch.append(copying: Int(delivery.event), of: view) else { return nil }
            delivery.event = UInt32(index)
            moved.append(delivery)
        }
        for delivery in moved { room.batch.append(delivery) }
        return (room.slot, lower)
    }

    /// Batches that hold anything now. Their views are final from here on.
    mutating func finish(_ batches: inout Pool<BatchSlot>) -> [EventBatch] {
        close(&batches)
        var kept: [EventBatch] = []
        for (batch, slot) in packed {
            if batches.base[Int(slot)].holds == 0 {
                batches.base[Int(slot)].batch.release()
                batches.free(slot)
            } else {
                kept.append(batch)
            }
        }
        return kept
    }

    private mutating func room(
        _ count: Int, _ bytes: Int, _ batches: inout Pool<BatchSlot>
    ) -> (batch: EventBatch, slot: Link)? {
        if let current, current.batch.count + count <= EventBatch.eventsMax,
            current.batch.textCount + bytes <= current.batch.textCapacity
        {
            return current
        }
        return begin(&batches, textBytes: max(Self.textBytes, bytes)) ? current : nil
    }

    private mutating func begin(_ batches: inout Pool<BatchSlot>, textBytes: Int) -> Bool {
        close(&batches)
        let slot = batches.take()
        guard slot != 0 else { return false }
        let batch = EventBatch(source: -1, textCapacity: textBytes)
        batches.base[Int(slot)] = BatchSlot(
            view: BatchView(batch), batch: Unmanaged.passRetained(batch), holds: 0, deliveries: 0)
        current = (batch, slot)
        return true
    }

    /// Deliveries may have moved while they grew: the slot gets the final view.
    private mutating func close(_ batches: inout Pool<BatchSlot>) {
        guard let current else { return }
        batches.base[Int(current.slot)].view = BatchView(current.batch)
        batches.base[Int(current.slot)].deliveries = max(1, batches.base[Int(current.slot)].holds)
        packed.append(current)
        self.current = nil
    }
}
