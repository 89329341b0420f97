import PatchbayEvents
import PatchbayLog

/// What an operator did to dead letters between two processes.
extension World {
    /// Folds the frames that operations have written.
    func operate(_ reader: LogReader) throws {
        var cursor = reader.frames(fromSequence: committed + 1)
        while let frame = try cursor.next() {
            var (events, redriven) = (0, 0)
            committed = frame.view.header.sequence
            try frame.view.forEachRecord { record throws(LogFormatError) in
                switch record {
                case .event(let section, let index, let position):
                    events += 1
                    if position != UInt64(accepted.count) { fail("an event was redriven to position \(position)") }
                    do {
                        accepted.append(try codec.event([UInt8](section.line(index))).id)
                    } catch {
                        fail("what was redriven is no event: \(error)")
                    }
                    guard index == 0 else { return }
                    try section.forEachDelivery {
                        create(DeliveryID(position: position + UInt64($0.event), handler: $0.handler), key: $0.keyHash)
                    }
                case .operation(let operation):
                    if letters.removeValue(forKey: operation.letter) != operation.delivery {
                        fail("\(operation.kind) of dead letter \(operation.letter), which is not kept")
                    }
                    if operation.kind.isRedrive { redriven += 1 } else { counters.purged += 1 }
                default: break
                }
            }
            counters.redriven += redriven
            if events != redriven { fail("\(redriven) dead letters were redriven as \(events) events") }
        }
    }
}
