import CPatchbaySystem
import PatchbayEvents
import PatchbayLog
import Synchronization
import Testing

@testable import PatchbayDispatch

/// Operators' changes between the control thread and the dispatcher's.
@Suite struct ControlPortStressTests {
    /// A dispatcher that takes changes, puts some of them back, and ends in the middle of one.
    private final class Stage: Sendable {
        let bell = Doorbell()
        let port: ControlPort
        let problems = Problems()
        let taken = Atomic<Int>(0)

        init() { port = ControlPort(doorbell: bell) }

        func dispatch(_ count: Int) {
            var next: UInt64 = 0
            var turns = 0
            while taken.load(ordering: .relaxed) < count {
                turns += 1
                // As while the log is full: changes with events wait, others do not.
                let takesEvents = turns % 3 != 0
                guard port.hasChange(takesEvents: takesEvents), let change = port.take() else {
                    bell.wait(timeout: 100_000) { port.hasChange(takesEvents: true) }
                    continue
                }
                if !takesEvents, !change.batches.isEmpty { problems.add("a change with events is taken too early") }
                if turns % 5 == 0 {
                    port.putBack(change)
                    continue
                }
                let number = change.operations[0].at
                if number != next { problems.add("change \(number) is taken after \(next) others") }
                next += 1
                taken.wrappingAdd(1, ordering: .relaxed)
                port.committed()
            }
            // One more is taken, and never answered.
            while !port.hasChange(takesEvents: true) { bell.wait(timeout: 100_000) { false } }
            if port.take() == nil { problems.add("a change that waits cannot be taken") }
            port.stop()
        }

        func change(_ number: Int) -> ControlChange {
            let letter = LetterID(sequence: UInt64(number), index: 0)
            let batches = number % 2 == 0 ? [] : [EventBatch(source: -1, textCapacity: 64)]
            return ControlChange(
                batches: batches,
                operations: [
                    OperationRecord(
                        .purge, letter, of: DeliveryID(position: 0, handler: 0), at: UInt64(number), by: "stress")
                ])
        }
    }

    @Test func `each change is answered once it is taken for good, in order, and the last when the dispatcher ends`()
        throws
    {
        let stage = Stage()
        let count = 2000
        let dispatcher = try OwnThread("dispatch") { stage.dispatch(count) }
        var answers = 0
        for number in 0..<count where stage.port.commit(stage.change(number)) { answers += 1 }
        #expect(answers == count && stage.taken.load(ordering: .relaxed) == count)
        #expect(!stage.port.commit(stage.change(count)), "it was never in the log")
        #expect(!stage.port.commit(stage.change(count + 1)), "the dispatcher has ended")
        dispatcher.join()
        #expect(stage.problems.all == [])
    }
}
