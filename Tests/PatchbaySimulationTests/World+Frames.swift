import CPatchbayJSON
import PatchbayEvents

@testable import PatchbayLog

/// What a frame says, and what has to stand in it together.
extension World {
    /// What a frame holds beside deliveries' ends, and what these make one expect.
    private struct Frame: Equatable {
        /// Of subscriptions; judged by themselves.
        var follow = Follow()
        /// Ids of events that came from inside.
        var events: [String] = []
        var delayed: [String] = []
        var states: [String] = []
        /// The stream, the first revision and the ids of each append.
        var appends: [String] = []
        var sets: [String] = []
        var cancels: [String] = []
        /// Dead letters that come in again.
        var obituaries = 0

        static func == (one: Frame, other: Frame) -> Bool {
            one.events == other.events && one.delayed == other.delayed && one.states == other.states
                && one.appends == other.appends && one.sets == other.sets && one.cancels == other.cancels
                && one.obituaries == other.obituaries
        }

        mutating func sort() {
            events.sort()
            delayed.sort()
            appends.sort()
            sets.sort()
            cancels.sort()
        }
    }

    /// The log has said that it has these.
    func commit(_ submission: LogSubmission) {
        committed = max(committed, submission.sequence)
        var (found, wanted) = (Frame(), Frame())
        var letterCount: UInt32 = 0
        for batch in submission.batches {
            decided(batch, in: submission.sequence)
            take(batch, &found)
        }
        var builder = FrameBuilder()
        _ = builder.begin()
        submission.journal.writeRecords(to: &builder)
        _ = builder.end(FrameHeader())
        do {
            let frame = try FrameView(unchecked: builder.bytes)
            try frame.forEachRecord { record throws(LogFormatError) in
                if case .deadLetter(let letter) = record {
                    letters[LetterID(sequence: submission.sequence, index: letterCount)] = letter.delivery
                    letterCount += 1
                }
                fold(record, &found, &wanted)
            }
        } catch {
            fail("what was submitted is no frame: \(error)")
        }
        settle(found.follow)
        checkUnsettled()
        found.sort()
        wanted.sort()
        if found != wanted { fail("frame \(submission.sequence) should hold \(wanted), and holds \(found)") }
    }

    private func take(_ batch: EventBatch, _ frame: inout Frame) {
        if batch.firstPosition != UInt64(accepted.count) {
            fail("events were accepted at position \(batch.firstPosition) behind \(accepted.count) others")
        }
        let view = BatchView(batch)
        var followed: [UInt32: Following] = [:]
        for index in 0..<batch.count {
            let (id, type) = (String(view.bytes(batch.events[index].id)), String(view.bytes(batch.events[index].type)))
            accepted.append(id)
            // Redriven.
            if batch.isGiven {
                frame.events.append(id)
                continue
            }
            if batch.source < 0, isFollowing(view.events[index], of: view) {
                let lane = (0..<batch.deliveryCount).first { Int(batch.deliveries[$0].event) == index }
                    .map { Int(batch.deliveries[$0].lane) }
                followed[UInt32(index)] = follow(
                    view.events[index], of: view, to: lane.map { handlers[$0] } ?? .max, &frame.follow)
                continue
            }
            expect(event: id, type: type, in: batch, index)
            if type == Scenario.Part.once.rawValue, !acceptedOnce.insert(id).inserted {
                fail("\(id) was accepted twice")
            }
            guard batch.source < 0 else { continue }
            if type == Scenario.Part.obituary.rawValue {
                frame.obituaries += 1
                counters.obituaries += 1
            } else {
                frame.events.append(id)
                counters.emitted += 1
            }
        }
        for index in 0..<batch.deliveryCount {
            let delivery = batch.deliveries[index]
            let id = DeliveryID(
                position: batch.firstPosition + UInt64(delivery.event), handler: handlers[Int(delivery.lane)])
            create(id, key: delivery.keyHash)
            if let key = followed[delivery.event] {
                followedBy[id] = key
                unsettled[key, default: 0] += 1
            }
        }
    }

    private func fold(_ record: LogRecord, _ found: inout Frame, _ wanted: inout Frame) {
        switch record {
        case .outcome(let outcome): take(outcome, &wanted, &found.follow)
        case .failure(let failure):
            let before = attempts[failure.delivery] ?? 0
            if failure.attempts != before + 1 {
                fail("\(name(failure.delivery)) was charged attempt \(failure.attempts) after \(before)")
            }
            attempts[failure.delivery] = failure.attempts
        case .deadLetter(let letter):
            end(letter.delivery, .dead)
            counters.dead += 1
            if part(of: letter.delivery.handler) == .dying { wanted.obituaries += 1 }
        case .state(let state) where state.key.hasPrefix(Self.byKey): break
        case .state(let state): found.states.append("\(state.key) \(Counted(state.value)?.count ?? 0)")
        case .timer(let timer): take(timer, &found, &wanted)
        case .operation(let operation): take(operation, &wanted)
        case .stream(let stream) where stream.kind == .append: found.appends.append(text(of: stream))
        case .stream(let stream): shorten(stream)
        case .subscription(let record): found.follow.records.append(record)
        case .deduplication, .event, .name, .unknown: break
        }
    }

    private func take(_ outcome: OutcomeRecord, _ wanted: inout Frame, _ follow: inout Follow) {
        guard let word = said.removeValue(forKey: outcome.delivery) else {
            return fail("\(name(outcome.delivery)) is \(outcome.kind) in the log, which its handler did not say")
        }
        if word.end != (outcome.kind == .done ? .done : .skipped) {
            fail("\(name(outcome.delivery)) is \(outcome.kind) in the log, and its handler said \(word.end)")
        }
        if outcome.attempts != (attempts[outcome.delivery] ?? 0) + 1 {
            fail("\(name(outcome.delivery)) ended with attempt \(outcome.attempts) in the log")
        }
        end(outcome.delivery, word.end)
        wanted.events += word.children
        wanted.delayed += word.later
        wanted.sets += word.sets
        wanted.cancels += word.cancels
        if let appended = word.appended { wanted.appends.append(append(appended, outcome.delivery)) }
        subscribe(word.subscriptions, of: names[outcome.delivery.handler] ?? "?", &follow)
        guard let counted = word.counted else { return }
        if let value = counted.value, value != (counts[counted.key] ?? 0) + 1 {
            fail("\(name(outcome.delivery)) counted \(value) after \(counts[counted.key] ?? 0)")
        }
        counts[counted.key] = counted.value ?? 0
        wanted.states.append("\(counted.key) \(counted.value ?? 0)")
    }

    /// What an operator did to a dead letter while the process ran.
    private func take(_ operation: OperationRecord, _ wanted: inout Frame) {
        if letters.removeValue(forKey: operation.letter) != operation.delivery {
            fail("\(operation.kind) of dead letter \(operation.letter), which is not kept")
        }
        guard operation.kind.isRedrive else { return counters.purged += 1 }
        counters.redriven += 1
        wanted.events.append(accepted[Int(operation.delivery.position)])
    }

    private func take(_ timer: TimerRecord, _ found: inout Frame, _ wanted: inout Frame) {
        switch timer.change {
        case .set:
            found.sets.append(timer.key)
            timers.insert(timer.key)
        case .cancelled:
            found.cancels.append(timer.key)
            if timers.remove(timer.key) != nil { counters.cancelledTimers += 1 }
        case .fired:
            if timers.remove(timer.key) == nil { fail("timer \(timer.key) fired and is not set") }
            wanted.events.append("tick-\(timer.key)")
            counters.firedTimers += 1
        case .delayed:
            found.delayed.append(timer.key)
            delayed.append(timer.key)
        case .released:
            if let place = delayed.firstIndex(of: timer.key) {
                delayed.remove(at: place)
            } else {
                fail("\(timer.key) comes in later and was not to")
            }
            wanted.events.append(timer.key)
            counters.released += 1
        }
    }
}
