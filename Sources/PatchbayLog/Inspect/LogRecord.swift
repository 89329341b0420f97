/// One thing that a frame says.
package enum LogRecord {
    /// An accepted event: the `index`th of a section, and its position.
    case event(EventsSection, index: Int, position: UInt64)
    case outcome(OutcomeRecord)
    case failure(FailureRecord)
    case deadLetter(DeadLetterRecord)
    case name(NameRecord)
    case state(StateRecord)
    case timer(TimerRecord)
    case operation(OperationRecord)
    case deduplication(DeduplicationRecord)
    case stream(StreamRecord)
    case subscription(SubscriptionRecord)
    /// A section that this program does not know.
    case unknown(SectionKind, bytes: Int)
}

extension FrameView {
    /// Visits everything that the frame says, in order. Throws at what is not as the format says.
    package func forEachRecord(_ body: (LogRecord) throws(LogFormatError) -> Void) throws(LogFormatError) {
        var position = header.firstPosition
        let isWhole = try forEachSection { (kind, bytes) throws(LogFormatError) in
            switch kind {
            case .events:
                let section = try EventsSection(bytes)
                for index in 0..<section.count {
                    try body(.event(section, index: index, position: position))
                    position += 1
                }
            case .outcomes:
                try Self.records(bytes) { (reader) throws(LogFormatError) in
                    try body(.outcome(try OutcomeRecord(&reader)))
                }
            case .failures:
                try Self.records(bytes) { (reader) throws(LogFormatError) in
                    try body(.failure(try FailureRecord(&reader)))
                }
            case .deadLetters:
                try Self.records(bytes) { (reader) throws(LogFormatError) in
                    try body(.deadLetter(try DeadLetterRecord(&reader)))
                }
            case .names:
                try Self.records(bytes) { (reader) throws(LogFormatError) in
                    try body(.name(try NameRecord(&reader)))
                }
            case .state, .stateWithoutOrigin:
                try Self.records(bytes) { (reader) throws(LogFormatError) in
                    try body(.state(try StateRecord(&reader, hasOrigin: kind == .state)))
                }
            case .timers:
                try Self.records(bytes) { (reader) throws(LogFormatError) in
                    try body(.timer(try TimerRecord(&reader)))
                }
            case .operations:
                try Self.records(bytes) { (reader) throws(LogFormatError) in
                    try body(.operation(try OperationRecord(&reader)))
                }
            case .deduplication:
                try Self.records(bytes) { (reader) throws(LogFormatError) in
                    try body(.deduplication(try DeduplicationRecord(&reader)))
                }
            case .streams:
                try Self.records(bytes) { (reader) throws(LogFormatError) in
                    try body(.stream(try StreamRecord(&reader)))
                }
            case .subscriptions:
                try Self.records(bytes) { (reader) throws(LogFormatError) in
                    try body(.subscription(try SubscriptionRecord(&reader)))
                }
            default: try body(.unknown(kind, bytes: bytes.count))
            }
        }
        guard isWhole else { throw LogFormatError("a section does not end where its frame does") }
        guard position - header.firstPosition == UInt64(header.eventCount) else {
            throw LogFormatError(
                "the frame says \(header.eventCount) events and holds \(position - header.firstPosition)")
        }
    }

    /// Reads records until the section's end.
    private static func records(
        _ bytes: UnsafeRawBufferPointer, _ next: (inout ByteReader) throws(LogFormatError) -> Void
    ) throws(LogFormatError) {
        var reader = ByteReader(bytes)
        while !reader.isAtEnd { try next(&reader) }
    }
}
