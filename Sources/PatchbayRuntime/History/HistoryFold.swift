import PatchbayEvents
import PatchbayLog
import PatchbayTelemetry

/// Gathers, frame by frame from the event's own on, what belongs to one event. Memory is bounded by that event's
/// deliveries and attempts.
struct HistoryFold {
    private let position: UInt64
    private let names: NameTable
    private let codec = CloudEventsCodec.ofStored()
    private(set) var acceptedAt: UInt64 = 0
    private(set) var receivedAt: UInt64 = 0
    private(set) var trace: String?
    private(set) var configuration: String?
    private(set) var deliveries: [DeliveryHistory] = []
    /// The log's numbers of the deliveries' handlers.
    private var handlers: [UInt16] = []
    private var hasBegun = false

    init(position: UInt64, names: NameTable) {
        self.position = position
        self.names = names
    }

    /// Whether nothing can follow: what ended well stays so.
    var isOver: Bool {
        hasBegun
            && deliveries.allSatisfy { delivery in
                switch delivery.state {
                case .done, .skipped, .closed: true
                case .waiting, .retrying, .halted, .dead: false
                }
            }
    }

    /// Takes the next frame in; the first one has to hold the event.
    mutating func take(_ frame: FrameView) throws(LogFormatError) {
        var first = frame.header.firstPosition
        var letters: UInt32 = 0
        let isWhole = try frame.forEachSection { (kind, bytes) throws(LogFormatError) in
            switch kind {
            case .events:
                let section = try EventsSection(bytes)
                if position >= first, position - first < UInt64(section.count) {
                    acceptedAt = frame.header.writtenAt
                    try begin(section, event: Int(position - first))
                }
                first += UInt64(section.count)
            case .outcomes: try takeOutcomes(bytes, at: frame.header.writtenAt)
            case .failures: try takeFailures(bytes)
            case .deadLetters: try takeLetters(bytes, sequence: frame.header.sequence, &letters)
            case .operations: try takeOperations(bytes)
            default: break
            }
        }
        guard isWhole else { throw LogFormatError("a section ends behind its frame") }
    }

    // MARK: Private

    private mutating func begin(_ section: EventsSection, event: Int) throws(LogFormatError) {
        hasBegun = true
        receivedAt = section.receivedAt
        configuration = section.configuration.map { name(.configuration, $0) }
        var recorded: [EventsSection.Delivery] = []
        try section.forEachDelivery { if $0.event == event { recorded.append($0) } }
        for delivery in recorded {
            handlers.append(delivery.handler)
            deliveries.append(
                DeliveryHistory(route: name(.route, delivery.route), handler: name(.handler, delivery.handler)))
        }
        var trace: EventTrace?
        try section.forEachTrace { if $0 == event { trace = $1 } }
        self.trace = trace.map { TraceID(high: $0.traceHigh, low: $0.traceLow).hexadecimal }
    }

    private mutating func takeOutcomes(_ bytes: UnsafeRawBufferPointer, at time: UInt64) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        while !reader.isAtEnd {
            let record = try OutcomeRecord(&reader)
            guard let index = index(of: record.delivery) else { continue }
            deliveries[index].steps.append(.ended(record.kind, attempts: record.attempts, at: time))
            deliveries[index].state =
                record.kind == .done ? .done(attempts: record.attempts) : .skipped(attempts: record.attempts)
        }
    }

    private mutating func takeFailures(_ bytes: UnsafeRawBufferPointer) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        while !reader.isAtEnd {
            let record = try FailureRecord(&reader)
            guard let index = index(of: record.delivery) else { continue }
            let earliest = earliestStart(deliveries[index])
            deliveries[index].steps.append(
                .failed(
                    DeliveryHistory.FailedAttempt(
                        number: record.attempts, endedAt: record.endedAt,
                        duration: min(record.duration, record.endedAt > earliest ? record.endedAt - earliest : 0),
                        failureClass: record.failureClass, code: record.code, reason: record.reason,
                        verdict: record.verdict, due: record.due)))
            switch record.verdict {
            case .retries: deliveries[index].state = .retrying(due: record.due)
            case .halts: deliveries[index].state = .halted
            // Its dead letter is in the same frame.
            case .dead: break
            }
        }
    }

    /// Starts that no trace needs are read from a clock that ticks every few milliseconds, and may seem earlier than they
    /// were: no attempt begins before its event is accepted, or before it is due.
    private func earliestStart(_ delivery: DeliveryHistory) -> UInt64 {
        if case .failed(let attempt) = delivery.steps.last { return max(acceptedAt, attempt.due) }
        return acceptedAt
    }

    private mutating func takeLetters(
        _ bytes: UnsafeRawBufferPointer, sequence: UInt64, _ count: inout UInt32
    ) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        while !reader.isAtEnd {
            let record = try DeadLetterRecord(&reader)
            defer { count += 1 }
            guard let index = index(of: record.delivery) else { continue }
            let letter = LetterID(sequence: sequence, index: count)
            let event: Event
            do {
                event = try codec.event(record.event)
            } catch {
                throw LogFormatError("dead letter \(letter) does not decode: \(error)")
            }
            deliveries[index].steps.append(
                .died(
                    DeliveryHistory.Death(
                        letter: letter, at: record.diedAt, failureClass: event["dlqclass"] ?? "",
                        reason: event["dlqreason"] ?? "")))
            deliveries[index].state = .dead(letter)
        }
    }

    private mutating func takeOperations(_ bytes: UnsafeRawBufferPointer) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        while !reader.isAtEnd {
            let record = try OperationRecord(&reader)
            guard let index = index(of: record.delivery) else { continue }
            let hasTarget = record.kind.isRedrive && record.target != DeadLetterRecord.noHandler
            deliveries[index].steps.append(
                .operated(
                    DeliveryHistory.Operation(
                        kind: record.kind, letter: record.letter, at: record.at, who: record.who,
                        target: hasTarget ? name(.handler, record.target) : nil)))
            switch record.kind {
            case .edit: break
            case .purge: deliveries[index].state = .closed
            case .redrive, .redirect: redrive(record, from: index, isAnew: record.isAnew)
            }
        }
    }

    private mutating func redrive(_ record: OperationRecord, from index: Int, isAnew: Bool) {
        guard !isAnew, record.target != record.delivery.handler else {
            deliveries[index].state = isAnew ? .closed : .waiting
            return
        }
        deliveries[index].state = .closed
        let target = DeliveryID(position: position, handler: record.target)
        if let known = self.index(of: target) {
            deliveries[known].state = .waiting
        } else {
            handlers.append(record.target)
            deliveries.append(
                DeliveryHistory(
                    route: deliveries[index].route, handler: name(.handler, record.target), isRedriven: true))
        }
    }

    private func index(of delivery: DeliveryID) -> Int? {
        delivery.position == position ? handlers.firstIndex(of: delivery.handler) : nil
    }

    private func name(_ kind: NameRecord.Kind, _ number: UInt16) -> String {
        names.name(kind, number) ?? "[\(number)]"
    }
}
