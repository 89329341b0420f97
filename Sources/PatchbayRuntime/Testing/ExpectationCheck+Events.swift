import PatchbayConfiguration
import PatchbayEvents

/// What is expected of breakers, dead letters, emitted events and counts.
extension ExpectationCheck {
    mutating func checkBreaker() {
        guard let transitions = expectation.breaker else { return }
        let changes = journal.breakerChanges.filter { change in
            guard let handler = expectation.handler else { return true }
            let name = change.name.hasSuffix(", one key") ? String(change.name.dropLast(9)) : change.name
            return name.hasSuffix(" of \(handler)") || name.hasSuffix(" to \(handler)")
        }
        let isSame =
            transitions.count == changes.count
            && zip(transitions, changes).allSatisfy { transition, change in
                transition.state == change.state && transition.at?.contains(VirtualTime.duration(change.at)) ?? true
            }
        guard !isSame else { return }
        func text(_ transition: Configuration.Test.Transition) -> String {
            transition.state.rawValue + (transition.at.map { ": \($0.text(DurationText.format))" } ?? "")
        }
        var actual: [String] = []
        for (index, change) in changes.enumerated() {
            let wanted = index < transitions.count ? transitions[index] : nil
            if let wanted, wanted.state == change.state,
                wanted.at?.contains(VirtualTime.duration(change.at)) ?? true
            {
                actual.append(text(wanted))
            } else {
                actual.append("\(change.state.rawValue): \(VirtualTime.exact(change.at))")
            }
        }
        let names = changes.reduce(into: [String]()) { if !$0.contains($1.name) { $0.append($1.name) } }
        fail(
            "breaker", "changes of \(names.isEmpty ? "the breakers" : names.joined(separator: ", "))",
            expected: transitions.isEmpty ? ["(none)"] : transitions.map(text),
            actual: actual.isEmpty ? ["(none)"] : actual, about: deliveries.first.map { journal.deliveries[$0].event })
    }

    mutating func checkDeadLetter() {
        guard let attributes = expectation.deadLetter else { return }
        var letters = deliveries.compactMap { index in
            journal.deliveries[index].deadLetter.map { (event: journal.deliveries[index].event, letter: $0) }
        }
        letters += journal.events.indices.compactMap { index in
            guard expectation.handler == nil, expectation.event.map({ $0 == journal.events[index].id }) ?? true else {
                return nil
            }
            return journal.events[index].deadLetter.map { (event: index, letter: $0) }
        }
        let expected = attributes.map { "\($0.attribute): \($0.text)" }
        guard !letters.isEmpty else {
            return fail(
                "deadLetter", "dead letters\(scopeText)", expected: expected, actual: ["(no dead letter)"],
                about: deliveries.first.map { journal.deliveries[$0].event } ?? events.first)
        }
        var failed = 0
        for (event, letter) in letters {
            let actual = attributes.map { "\($0.attribute): \(letter.text(of: $0.attribute) ?? "(none)")" }
            guard actual != expected else { continue }
            failed += 1
            guard failed <= Self.failuresMax else { return }
            fail(
                "deadLetter", "the dead letter of event \(journal.events[event].id)", expected: expected,
                actual: actual, about: event)
        }
    }

    mutating func checkEmitted() {
        guard let wanted = expectation.emitted else { return }
        let emitted = allDeliveries.flatMap { journal.deliveries[$0].emitted }.sorted()
        if wanted.items.isEmpty {
            guard !emitted.isEmpty else { return }
            return fail(
                "emitted", "emitted events\(scopeText)", expected: ["(none)"], actual: emitted.prefix(20).map(shown),
                about: emitted.first)
        }
        var left = emitted
        var missing: [Configuration.Test.EventText] = []
        for text in wanted.items {
            if let found = left.firstIndex(where: { matches(text, journal.events[$0].json) }) {
                left.remove(at: found)
            } else {
                missing.append(text)
            }
        }
        guard !missing.isEmpty else { return }
        fail(
            "emitted", "emitted events\(scopeText)", expected: missing.map(shown),
            actual: left.isEmpty ? ["(none)"] : left.prefix(20).map(shown),
            about: allDeliveries.first.map {
                journal.deliveries[$0].event
            })
    }

    private func shown(_ event: Int) -> String { String(decoding: journal.events[event].json, as: UTF8.self) }

    private func shown(_ text: Configuration.Test.EventText) -> String {
        var members: [(String, Value)] = text.attributes.map { ($0.attribute, .string($0.text)) }
        if let data = text.data { members.append(("data", data.value)) }
        return String(decoding: Value.object(members).json, as: UTF8.self)
    }

    private func matches(_ text: Configuration.Test.EventText, _ json: [UInt8]) -> Bool {
        do throws(CloudEventsError) {
            guard case .map(let event) = try JSONReader(nesting: 2000).value(json) else { return false }
            func member(_ name: String) -> Value? { event.entries.first { $0.key == .string(name) }?.value }
            return text.attributes.allSatisfy { attribute in
                member(attribute.attribute).map { $0.attributeText == attribute.text } ?? false
            } && text.data.map { data in member("data").map { $0.holds(data.value) } ?? false } ?? true
        } catch {
            return false
        }
    }

    mutating func checkCounts() {
        guard let counts = expectation.counts else { return }
        let deliveries = allDeliveries.map { journal.deliveries[$0] }
        let events = journal.events.filter { event in expectation.event.map { event.id == $0 } ?? true }
        let found: [(String, Configuration.Bounds<Int>?, Int)] = [
            ("events", counts.events, events.count { $0.refusal == nil && !$0.isDuplicate }),
            ("emitted", counts.emitted, deliveries.reduce(0) { $0 + $1.emitted.count }),
            (
                "unmatched", counts.unmatched,
                events.count { $0.isUnmatched || $0.refusal == Simulation.unmatchedRefusal }
            ),
            ("duplicates", counts.duplicates, events.count(where: \.isDuplicate)),
            ("refused", counts.refused, events.count { $0.refusal != nil }),
            ("deliveries", counts.deliveries, deliveries.count),
            ("done", counts.done, deliveries.count { $0.outcome == .done }),
            ("skipped", counts.skipped, deliveries.count { $0.outcome == .skipped }),
            ("dead", counts.dead, deliveries.count { $0.outcome == .dead }),
            ("pending", counts.pending, deliveries.count { $0.outcome == .pending }),
            ("attempts", counts.attempts, deliveries.reduce(0) { $0 + $1.attempts }),
            ("retries", counts.retries, deliveries.reduce(0) { $0 + $1.retries }),
            ("timeouts", counts.timeouts, deliveries.reduce(0) { $0 + $1.timeouts }),
            ("busy", counts.busy, deliveries.reduce(0) { $0 + $1.busy }),
        ]
        for (name, bounds, count) in found {
            guard let bounds, !bounds.contains(count) else { continue }
            fail(
                "counts.\(name)", "\(name)\(scopeText)", expected: [bounds.text { "\($0)" }], actual: ["\(count)"],
                about: allDeliveries.first.map { journal.deliveries[$0].event } ?? self.events.first)
        }
    }
}

extension Event {
    /// The text of any attribute; `nil` when the event has none of that name.
    fileprivate func text(of attribute: String) -> String? {
        switch attribute {
        case "id": id
        case "source": source
        case "type": type
        case "subject": subject
        case "time": time
        case "datacontenttype": datacontenttype
        case "dataschema": dataschema
        default: self[attribute]
        }
    }
}

extension Value {
    /// As an attribute's text.
    fileprivate var attributeText: String? {
        switch self {
        case .string(let text): text
        case .bool(let flag): "\(flag)"
        case .int(let number): "\(number)"
        default: nil
        }
    }

    /// Whether all that `part` has is here: the members of maps, and lists element by element.
    fileprivate func holds(_ part: Value) -> Bool {
        switch (self, part) {
        case (.map(let whole), .map(let part)):
            part.entries.allSatisfy { wanted in
                whole.entries.first { $0.key == wanted.key }.map { $0.value.holds(wanted.value) } ?? false
            }
        case (.list(let whole), .list(let part)):
            whole.count == part.count && zip(whole, part).allSatisfy { $0.holds($1) }
        default: self == part
        }
    }
}
