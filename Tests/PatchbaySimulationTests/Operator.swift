import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayResilience

@testable import PatchbayDispatch
@testable import PatchbayRuntime

/// Works on the dead letters of a process that runs, the way that requests of the control socket take.
final class Operator {
    private let requests: Requests
    private let letters: LetterReader
    private let intake: OperatorIntake
    private let places: DeliveryPlaces
    private let names: (routes: [String], handlers: [String])
    private let numbers: LogNumbers
    private let clock: SimulatedClock
    private var random: SeededRandom
    let counters = IntakeCounters(name: "operators")

    init(
        _ dispatcher: Dispatcher, _ requests: Requests, _ folder: DataFolder, _ blueprint: Blueprint,
        _ setup: Intake.Setup, _ clock: SimulatedClock, random: SeededRandom
    ) {
        self.requests = requests
        names = dispatcher.names
        letters = LetterReader(folder.writer.reader)
        intake = OperatorIntake(setup, name: "operators", number: 2, counters: IntakeCounters(name: "taken"))
        numbers = folder.log.numbers
        places = DeliveryPlaces(numbers, blueprint)
        self.clock = clock
        self.random = random
    }

    /// Hands a change over now and then; false when it does not.
    func turn(_ world: World, _ letters: () -> [KeptLetter]) -> Bool {
        guard requests.isFree, random.upTo(60) == 0 else { return false }
        let kept = letters()
        guard !kept.isEmpty else { return false }
        var change = ControlChange()
        for letter in kept where random.upTo(4) == 0 {
            do {
                try add(letter, to: &change)
            } catch is LogError {
                // The disk does not give it now.
                continue
            } catch {
                world.fail("dead letter \(letter.id) cannot be redriven: \(error)")
            }
        }
        guard !change.operations.isEmpty else { return false }
        let events = UInt64(change.batches.reduce(0) { $0 + $1.count })
        let isTaken = requests.offer(change) { [counters] isCommitted in
            guard isCommitted else { return }
            counters.received.add(events)
            counters.accepted.add(events)
        }
        if isTaken { world.counters.requests += 1 }
        return isTaken
    }

    private func add(_ kept: KeptLetter, to change: inout ControlChange) throws {
        let letter = try letters.read(kept)
        var kind = OperationRecord.Kind.purge
        if random.next() & 1 == 0, let place = place(letter) {
            kind = .redrive
            var deliveries = GivenDeliveries.DeliveryList()
            deliveries.add([letter.delivery(event: 0, route: place.route, lane: place.lane)])
            for batch in try intake.batches([letter.redriven().json], deliveries) {
                batch.receivedAt = clock.unixNow
                change.batches.append(batch)
            }
        }
        change.operations.append(
            OperationRecord(
                kind, letter.id, of: letter.delivery, target: DeadLetterRecord.noHandler, at: clock.unixNow,
                by: "operator"))
    }

    /// Where this process delivers it; `nil` when no route took the event, or its handler is not there.
    private func place(_ letter: StoredLetter) -> DeliveryPlaces.Place? {
        guard !letter.handler.isEmpty, let lane = names.handlers.firstIndex(of: letter.handler) else { return nil }
        let route = names.routes.firstIndex(of: letter.redriveRoute).map { numbers.routes[$0] }
        return places.place(route: route ?? .max, handler: numbers.handlers[lane])
    }
}
