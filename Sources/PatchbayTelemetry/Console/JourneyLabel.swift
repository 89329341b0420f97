/// The words of one line of the tree.
enum JourneyLabel {
    static func step(_ span: Span) -> ConsoleText {
        switch JourneyRole(span) {
        case .receive: received(span)
        case .emit: emitted(span)
        case .route: routed(span)
        case .process: processed(span)
        case .other: own(span)
        }
    }

    /// The line above several attempts.
    static func delivery(_ attempts: [Span]) -> ConsoleText {
        let last = attempts[attempts.count - 1]
        var label = ConsoleText()
        mark(last, in: &label)
        label.append(untrusted: last.text(SpanKey.handler), .strong)
        let number = last.number(SpanKey.attempt) ?? Int64(attempts.count)
        label.append("  \(last.isRetried ? "retrying" : word(last.outcome))", tone(last))
        label.append(" at attempt \(number)" + (last.number(SpanKey.attemptsMax).map { " of \($0)" } ?? ""), .dim)
        return label
    }

    /// The line of one attempt below its delivery's line.
    static func attempt(_ span: Span) -> ConsoleText {
        var label = ConsoleText()
        mark(span, in: &label)
        label.append("attempt \(span.number(SpanKey.attempt) ?? 1)")
        label.append("  \(word(span.outcome))", tone(span))
        details(span, in: &label)
        return label
    }

    static func event(_ event: Span.Event) -> ConsoleText {
        var label = ConsoleText()
        label.append("· ", .accent)
        label.append(untrusted: event.name)
        attributes(event.attributes, in: &label)
        return label
    }

    static func word(_ outcome: SpannedOutcome?) -> String {
        switch outcome {
        case .done: "done"
        case .skip: "skipped"
        case .retry: "failed"
        case .fail: "failed for good"
        case .busy: "busy"
        case .cancelled: "cancelled"
        case .timeout: "timed out"
        case nil: "open"
        }
    }

    private static func received(_ span: Span) -> ConsoleText {
        var label = ConsoleText()
        label.append("received", .plain)
        label.append(" from ", .dim)
        label.append(untrusted: span.text(SpanKey.destination))
        return label
    }

    private static func emitted(_ span: Span) -> ConsoleText {
        var label = ConsoleText()
        label.append("⇢ ", .accent)
        label.append("emitted ")
        label.append(untrusted: span.text(SpanKey.eventType), .strong)
        label.append("  ")
        label.append(untrusted: span.text(SpanKey.eventID), .accent)
        return label
    }

    private static func routed(_ span: Span) -> ConsoleText {
        var label = ConsoleText()
        let routes = span.text(SpanKey.route)
        if routes.isEmpty {
            label.append("no route matched", .warning)
        } else {
            label.append("routed")
            label.append(" by ", .dim)
            label.append(untrusted: routes.split(separator: ",").joined(separator: ", "))
        }
        return label
    }

    private static func processed(_ span: Span) -> ConsoleText {
        var label = ConsoleText()
        mark(span, in: &label)
        label.append(untrusted: span.text(SpanKey.handler), .strong)
        label.append("  \(word(span.outcome))", tone(span))
        if let attempt = span.number(SpanKey.attempt), attempt > 1 { label.append(" at attempt \(attempt)", .dim) }
        details(span, in: &label)
        return label
    }

    /// A span that a handler opened.
    private static func own(_ span: Span) -> ConsoleText {
        var label = ConsoleText()
        if span.status.isError { label.append("✗ ", .bad) }
        label.append(untrusted: span.name)
        if case .error(let why) = span.status, !why.isEmpty {
            label.append("  ")
            label.append(untrusted: why, .bad)
        }
        attributes(span.attributes, in: &label)
        return label
    }

    private static func mark(_ span: Span, in label: inout ConsoleText) {
        switch span.outcome {
        case .done: label.append("✓ ", .good)
        case .skip, .cancelled: label.append("– ", .dim)
        case .busy: label.append("↻ ", .warning)
        case .retry, .timeout: span.isRetried ? label.append("↻ ", .warning) : label.append("✗ ", .bad)
        case .fail: label.append("✗ ", .bad)
        case nil: label.append("… ", .dim)
        }
    }

    private static func tone(_ span: Span) -> Tone {
        switch span.outcome {
        case .done: .good
        case .skip, .cancelled, nil: .dim
        case .busy: .warning
        case .retry, .timeout: span.isRetried ? .warning : .bad
        case .fail: .bad
        }
    }

    /// Reason, waiting, what comes next, the breaker.
    private static func details(_ span: Span, in label: inout ConsoleText) {
        let reason = span.text(SpanKey.reason)
        if !reason.isEmpty {
            label.append(": ", .dim)
            label.append(untrusted: reason, limit: 72)
        }
        if let waited = span.number(SpanKey.waited), waited >= 1_000_000 {
            label.append(" · waited \(readableDuration(UInt64(waited)))", .dim)
        }
        if let delay = span.number(SpanKey.retryDelay) {
            label.append(" · next in \(readableDuration(UInt64(clamping: delay)))", .warning)
        }
        let breaker = span.text(SpanKey.breaker)
        if !breaker.isEmpty, breaker != "closed" {
            label.append(" · breaker \(ConsoleText.harmless(breaker, limit: 20))", .bad)
        }
        let deadLetter = span.text(SpanKey.deadLetter)
        if !deadLetter.isEmpty {
            label.append(" · dead letter \(ConsoleText.harmless(deadLetter, limit: 40))", .bad)
        }
    }

    private static func attributes(_ attributes: [Attribute], in label: inout ConsoleText) {
        for attribute in attributes.prefix(4) {
            label.append("  ")
            label.append(untrusted: attribute.key, .dim, limit: 32)
            label.append("=", .dim)
            label.append(untrusted: attribute.value.text, .dim, limit: 40)
        }
        if attributes.count > 4 { label.append("  +\(attributes.count - 4)", .dim) }
    }
}
