/// Draws an event's journey as a tree: a pure function of its spans.
///
/// One line a step with its offset from the start and its duration; the attempts of one delivery stand together; what
/// handlers opened themselves and the events that they emitted hang below the attempt.
package struct JourneyRenderer: Sendable {
    /// Whether tones become ANSI colours; for terminals only.
    package var colour: Bool
    /// Columns before the offsets at most; longer lines push theirs out.
    package var labelColumnsMax = 84

    package init(colour: Bool) { self.colour = colour }

    /// The journey as lines, each with its line feed; empty without spans.
    ///
    /// - Parameters:
    ///   - spans: of one trace, in any order.
    ///   - note: what the reader must know beside, such as that spans are missing.
    package func render(_ spans: [Span], note: String = "") -> String {
        let tree = JourneyTree(spans)
        guard let first = tree.roots.first else { return "" }
        var drawing = JourneyDrawing(start: first.span.start)
        drawing.header(tree, spans: spans, note: note)
        drawing.draw(tree.roots.flatMap(JourneyDrawing.topSteps), prefix: "  ")
        return drawing.text(colour: colour, labelColumnsMax: labelColumnsMax)
    }
}

/// The lines of one journey while they are drawn.
struct JourneyDrawing {
    private struct Line {
        var label: ConsoleText
        /// Of a step; `nil` for header lines.
        var times: (offset: UInt64, duration: UInt64)?
    }

    /// What one line, with lines below it, stands for.
    enum Step {
        case single(JourneyTree.Node)
        /// All attempts of one delivery, more than one.
        case delivery([JourneyTree.Node])
        case event(Span.Event)
    }

    let start: UInt64
    private var lines: [Line] = []

    init(start: UInt64) { self.start = start }

    mutating func header(_ tree: JourneyTree, spans: [Span], note: String) {
        var title = ConsoleText()
        title.append("● ", spans.contains { $0.status.isError } ? .warning : .good)
        let root = tree.roots[0].span
        switch JourneyRole(root) {
        case .receive, .emit:
            title.append(untrusted: root.text(SpanKey.eventType), .strong)
            title.append("  ")
            title.append(untrusted: root.text(SpanKey.eventID), .accent)
        default: title.append("earlier journey, continued", .strong)
        }
        title.append("  \(summary(of: spans))", .dim)
        lines.append(Line(label: title))
        var about = ConsoleText()
        about.append("  \(readableTime(root.start))Z", .dim)
        for (name, key) in [("source", SpanKey.eventSource), ("subject", SpanKey.eventSubject)] {
            let text = root.text(key)
            if text.isEmpty { continue }
            about.append(" · \(name) ", .dim)
            about.append(untrusted: text, .dim, limit: 40)
        }
        if let bytes = root.number(SpanKey.bodyBytes) { about.append(" · \(bytes) B", .dim) }
        about.append(" · trace \(root.context.traceID.hexadecimal)", .dim)
        lines.append(Line(label: about))
        if !note.isEmpty {
            var line = ConsoleText()
            line.append("  \(note)", .warning)
            lines.append(Line(label: line))
        }
    }

    mutating func draw(_ steps: [Step], prefix: String) {
        for (index, step) in steps.enumerated() {
            let isLast = index == steps.count - 1
            let branch = prefix + (isLast ? "└ " : "├ ")
            let below = prefix + (isLast ? "  " : "│ ")
            switch step {
            case .single(let node):
                draw(JourneyLabel.step(node.span), branch, node.span)
                draw(Self.steps(below: node), prefix: below)
            case .delivery(let attempts):
                let (first, last) = (attempts[0].span, attempts[attempts.count - 1].span)
                add(JourneyLabel.delivery(attempts.map(\.span)), branch, from: first.start, to: last.end)
                for (index, attempt) in attempts.enumerated() {
                    let isLastAttempt = index == attempts.count - 1
                    draw(JourneyLabel.attempt(attempt.span), below + (isLastAttempt ? "└ " : "├ "), attempt.span)
                    draw(Self.steps(below: attempt), prefix: below + (isLastAttempt ? "  " : "│ "))
                }
            case .event(let event):
                add(JourneyLabel.event(event), branch, from: event.time, to: event.time)
            }
        }
    }

    func text(colour: Bool, labelColumnsMax: Int) -> String {
        let widths = lines.filter { $0.times != nil }.map(\.label.width)
        let column = min(widths.max() ?? 0, labelColumnsMax)
        var text = ""
        for line in lines {
            text += line.label.rendered(colour: colour)
            if let times = line.times {
                text += String(repeating: " ", count: max(column - line.label.width, 0))
                var tail = ConsoleText()
                tail.append(Self.right("+" + readableDuration(times.offset), 12), .dim)
                if times.duration > 0 { tail.append(Self.right(readableDuration(times.duration), 11)) }
                text += tail.rendered(colour: colour)
            }
            text += "\n"
        }
        return text
    }

    /// The root's own line is the header's; below stand its reception and what came of it.
    static func topSteps(_ root: JourneyTree.Node) -> [Step] {
        switch JourneyRole(root.span) {
        case .receive, .emit: [.single(JourneyTree.Node(span: root.span, children: []))] + steps(below: root)
        default: steps([root], events: [])
        }
    }

    static func steps(below node: JourneyTree.Node) -> [Step] { steps(node.children, events: node.span.events) }

    /// Deliveries stand behind the route span that decided them, in its order and not by start, in which they race;
    /// attempts of one route and handler become one step.
    private static func steps(_ nodes: [JourneyTree.Node], events: [Span.Event]) -> [Step] {
        let flat = nodes.flatMap { node in
            guard JourneyRole(node.span) == .route else { return [node] }
            return [JourneyTree.Node(span: node.span, children: [])] + node.children
        }
        var places: [[String]: Int] = [:]
        var found: [(start: UInt64, attempts: [JourneyTree.Node])] = []
        for node in flat {
            guard JourneyRole(node.span) == .process else {
                found.append((node.span.start, [node]))
                continue
            }
            let key = [node.span.text(SpanKey.route), node.span.text(SpanKey.handler)]
            if let place = places[key] {
                found[place].attempts.append(node)
            } else {
                places[key] = found.count
                found.append((node.span.start, [node]))
            }
        }
        if let route = flat.first(where: { JourneyRole($0.span) == .route }) {
            let handlers = route.span.texts(SpanKey.handlers)
            func rank(_ step: JourneyTree.Node) -> Int {
                guard JourneyRole(step.span) == .process else { return -1 }
                return handlers.firstIndex(of: step.span.text(SpanKey.handler)) ?? handlers.count
            }
            found.sort { rank($0.attempts[0]) < rank($1.attempts[0]) }
        }
        var steps = found.map { item in
            (item.start, item.attempts.count == 1 ? Step.single(item.attempts[0]) : .delivery(item.attempts))
        }
        if !events.isEmpty {
            steps += events.map { ($0.time, .event($0)) }
            steps.sort { $0.0 < $1.0 }
        }
        return steps.map(\.1)
    }

    private mutating func draw(_ label: ConsoleText, _ branch: String, _ span: Span) {
        add(label, branch, from: span.start, to: span.end)
    }

    private mutating func add(_ label: ConsoleText, _ branch: String, from begin: UInt64, to end: UInt64) {
        var line = ConsoleText()
        line.append(branch, .dim)
        for piece in label.pieces { line.append(piece.text, piece.tone) }
        lines.append(
            Line(
                label: line,
                times: (offset: begin > start ? begin - start : 0, duration: end > begin ? end - begin : 0)))
    }

    private func summary(of spans: [Span]) -> String {
        let settled = spans.filter { JourneyRole($0) == .process && !$0.isRetried }
        let counts = settled.reduce(into: [:]) { $0[$1.outcome, default: 0] += 1 }
        let total = spans.reduce(start) { max($0, $1.end) } - start
        let parts = (SpannedOutcome.allCases + [nil]).compactMap { outcome in
            counts[outcome].map { "\($0) \(JourneyLabel.word(outcome))" }
        }
        // Without the route's span, or with deliveries that it names, an empty list only says that spans were dropped.
        let hasNone = spans.contains { JourneyRole($0) == .route && ($0[SpanKey.deliveries] ?? 0) == 0 }
        let none = hasNone ? "no delivery" : "deliveries not seen, spans were dropped,"
        return (parts.isEmpty ? none : parts.joined(separator: ", ")) + " in \(readableDuration(total))"
    }

    private static func right(_ text: String, _ columns: Int) -> String {
        String(repeating: " ", count: max(columns - text.count, 1)) + text
    }
}

extension Span.Status {
    var isError: Bool {
        if case .error = self { return true }
        return false
    }
}
