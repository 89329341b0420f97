import PatchbayConfiguration
import PatchbayEvents
import PatchbayLog

@testable import PatchbayRuntime

/// Where events have to go: by the configuration that was in force when they came in, then and for ever.
extension World {
    /// What a configuration says of events.
    struct Rules {
        let fingerprint: String
        /// Handlers by type.
        private(set) var handlers: [String: Set<String>] = [:]
        /// Of what no route takes.
        let unmatched: Set<String>

        init(_ compiled: Compiled) {
            fingerprint = compiled.fingerprint
            // Else it goes to the lane that buries.
            unmatched = compiled.configuration.unmatched == .drop ? [] : [""]
            for route in compiled.configuration.routes {
                for type in route.types {
                    handlers[type, default: []].formUnion(route.to.flatMap(\.handlers).map(\.name))
                }
            }
        }

        func handlers(of type: String) -> Set<String> { handlers[type] ?? unmatched }
    }

    /// A frame's batch, and the configuration that decided about it.
    struct Decision {
        let sequence: UInt64
        let position: UInt64
        let fingerprint: String
    }

    /// A process begins with this configuration.
    func begin(with compiled: Compiled) {
        rules = [nil: Rules(compiled)]
        ruling = nil
    }

    /// From here on this configuration is in force, which the log knows by a number.
    func rule(by compiled: Compiled, _ number: UInt16) {
        rules[number] = Rules(compiled)
        ruling = number
    }

    /// Events come in: they say which configuration decides about them.
    func comesIn(_ batch: EventBatch) {
        if batch.configuration != ruling {
            fail(
                "an event is decided by configuration \(batch.configuration.map(String.init) ?? "of the beginning")"
                    + ", and \(ruling.map(String.init) ?? "that") is in force")
        }
    }

    /// A batch is in the log.
    func decided(_ batch: EventBatch, in sequence: UInt64) {
        guard !batch.isGiven else { return }
        guard let rules = rules[batch.configuration] else {
            return fail("events are decided by a configuration that was never in force")
        }
        if batch.configuration != nil { counters.decidedAnew += batch.count }
        decisions.append(
            Decision(sequence: sequence, position: batch.firstPosition, fingerprint: rules.fingerprint))
        if decisions.count > 100 { decisions.removeFirst(50) }
    }

    /// An event was accepted: it goes to the handlers that its configuration says, and to no other.
    func expect(event: String, type: String, in batch: EventBatch, _ index: Int) {
        guard let rules = rules[batch.configuration] else { return }
        var found: Set<String> = []
        for place in 0..<batch.deliveryCount where Int(batch.deliveries[place].event) == index {
            found.insert(names[handlers[Int(batch.deliveries[place].lane)]] ?? "?")
        }
        // A timer's event goes to whoever set it.
        let wanted = event.hasPrefix("tick-") ? [Scenario.Part.timed.handler] : rules.handlers(of: type)
        if found != wanted { fail("\(event) of type \(type) goes to \(found.sorted()) instead of \(wanted.sorted())") }
    }

    /// A handler gets an event that its routes delivered, whatever is in force by now.
    func delivers(_ event: String, type: String, to handler: UInt16) {
        guard ruling != nil, let rules = rules[ruling], let name = names[handler] else { return }
        let isRouted = !event.hasPrefix("tick-") && !event.hasPrefix("a-")
        if isRouted, !rules.handlers(of: type).contains(name) { counters.outlived += 1 }
    }

    /// The log says by which configuration events were decided.
    func checkDecision(_ reader: LogReader, _ names: NameTable) {
        guard !decisions.isEmpty else { return }
        let decision = decisions[counters.lives * 7 % decisions.count]
        do {
            var cursor = reader.frames(fromSequence: decision.sequence)
            // Its segment may have gone.
            guard let frame = try cursor.next(), frame.view.header.sequence == decision.sequence else { return }
            try frame.view.forEachRecord { record throws(LogFormatError) in
                guard case .event(let section, _, let position) = record, position == decision.position else { return }
                let found = section.configuration.flatMap { names.name(.configuration, $0) }
                if found != decision.fingerprint {
                    fail(
                        "position \(position) was decided by \(decision.fingerprint), and by \(found ?? "?") in the log"
                    )
                }
                counters.decisionsRead += 1
            }
        } catch let error as LogError where error.code != .corrupt || hasFlippedBit {
            // The disk does not give it now, or is known to give something else.
        } catch {
            fail("frame \(decision.sequence) cannot be read: \(error)")
        }
    }
}
