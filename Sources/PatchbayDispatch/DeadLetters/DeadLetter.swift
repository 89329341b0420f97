package import PatchbayEvents

extension Event {
    /// How often the event was taken out of its dead letters again.
    package var redrives: Int { self["dlqredrives"].flatMap { Int($0) } ?? 0 }

    /// The event without what its dead letter says, as it is delivered again.
    package var redriven: Event {
        var event = self
        event.extensions.removeAll { $0.name.hasPrefix("dlq") || $0.name.hasPrefix("knativeerror") }
        event.extensions.append(Event.Extension("dlqredrives", String(redrives + 1)))
        return event
    }
}

/// A delivery that is given up, as it is written down.
package struct DeadLetter: Sendable {
    /// The core's link of the delivery.
    package var delivery: UInt32
    /// Structured JSON of the original event with the dead letter's attributes added, without a line end.
    package var line: [UInt8]
    /// The attempts, as one JSON line; empty when there were none.
    package var history: [UInt8]
    package var handler: String
    package var reason: String

    package init(delivery: UInt32, line: [UInt8], history: [UInt8], handler: String, reason: String) {
        self.delivery = delivery
        self.line = line
        self.history = history
        self.handler = handler
        self.reason = reason
    }
}

/// What a dead letter says of how it died; the names are those of configuration.md.
package struct DeadLetterFacts: Sendable {
    package var reason: String
    package var failureClass: String
    package var route = ""
    package var handler = ""
    package var handlerVersion = ""
    package var code: Int32 = 0
    /// JSON of the last attempt's handler; of more than `detailMax` bytes none of it is written.
    package var detail: [UInt8] = []
    package var attempts: [AttemptHistory.Attempt] = []
    /// Charged attempts, which may be more than are remembered.
    package var attemptCount = 0
    package var trace = ""
    /// Unix nanoseconds.
    package var now: UInt64

    package init(reason: String, failureClass: String, now: UInt64) {
        self.reason = reason
        self.failureClass = failureClass
        self.now = now
    }

    private static let detailMax = 8_192

    /// The extension attributes, empty ones left out.
    func attributes(of event: Event) -> [Event.Extension] {
        let first = attempts.first?.endedAt ?? now
        let last = attempts.last?.endedAt ?? now
        let all = [
            ("dlqreason", reason), ("dlqclass", failureClass), ("dlqroute", route), ("dlqhandler", handler),
            ("dlqhandlerver", handlerVersion), ("dlqattempts", String(attemptCount)),
            ("dlqfirst", UnixTime.text(first)), ("dlqlast", UnixTime.text(last)), ("dlqtrace", trace),
            ("dlqdetail", detail.count <= Self.detailMax ? String(decoding: detail, as: UTF8.self) : ""),
            ("dlqprint", fingerprint(of: event)), ("dlqredrives", String(event.redrives)),
            ("knativeerrordest", handler), ("knativeerrorcode", String(code)),
            ("knativeerrordata", String(reason.prefix(1024))),
        ]
        return all.filter { !$0.1.isEmpty }.map { Event.Extension($0.0, $0.1.attributeText) }
    }

    /// Groups dead letters that died alike: handler, class and the reason with its numbers taken out.
    private func fingerprint(of event: Event) -> String {
        let shape = reason.unicodeScalars.map { $0.properties.numericType == nil ? Character($0) : "#" }
        return String(
            StableHash.hexadecimal(Array("\(handler)\u{0}\(failureClass)\u{0}\(String(shape))\u{0}\(event.type)".utf8))
                .prefix(16))
    }
}

extension DeadLetter {
    /// Writes an event of a batch down.
    package init(delivery: UInt32, batch: BatchView, event index: Int, facts: DeadLetterFacts) {
        let event = batch.event(index)
        self.init(
            delivery: delivery, line: batch.json(of: index, adding: facts.attributes(of: event)),
            history: Self.history(of: event, facts), handler: facts.handler, reason: facts.reason)
    }

    private static func history(of event: Event, _ facts: DeadLetterFacts) -> [UInt8] {
        guard !facts.attempts.isEmpty else { return [] }
        let attempts = facts.attempts.map { attempt in
            Value.object([
                ("attempt", .int(Int64(attempt.number))), ("ended", .string(UnixTime.text(attempt.endedAt))),
                ("milliseconds", .double(Double(attempt.nanoseconds) / 1e6)), ("class", .string(attempt.failureClass)),
                ("code", .int(Int64(attempt.code))), ("reason", .string(attempt.reason)),
            ])
        }
        let record = Value.object([
            ("id", .string(event.id)), ("source", .string(event.source)), ("handler", .string(facts.handler)),
            ("attempts", .list(attempts)),
        ])
        return record.json
    }
}

extension String {
    /// The text as a CloudEvents attribute may hold it: control characters become spaces.
    var attributeText: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) ? " " : $0 }))
    }
}
