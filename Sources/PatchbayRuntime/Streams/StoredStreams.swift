package import PatchbayEvents
package import PatchbayLog
package import PatchbayRouting

/// An event of a stream, decoded.
package struct StoredStreamEvent: Sendable {
    package var place: StreamEvent
    package var event: Event
}

/// Which events of a stream are wanted, beside where to begin.
package struct StreamFilter: Sendable {
    package var type: TypePattern?
    /// The events' `correlationid`.
    package var correlation: String?

    package init(type: TypePattern? = nil, correlation: String? = nil) {
        self.type = type
        self.correlation = correlation
    }

    func takes(_ event: Event) -> Bool {
        (type.map { $0.matches(event.type) } ?? true) && (correlation.map { $0 == event["correlationid"] } ?? true)
    }
}

extension TypePattern {
    /// For the host's services, which know of no routes.
    static let matcher: @Sendable (String) -> (@Sendable (String) -> Bool)? = { text in
        guard problem(of: text) == nil else { return nil }
        do {
            let pattern = try TypePattern(text)
            return { pattern.matches($0) }
        } catch {
            return nil
        }
    }
}

/// The streams of a data folder. Takes no lock and changes nothing, so a host may have the folder. One thread.
package final class StoredStreams {
    package let folder: String
    package let streams: Streams
    private let reader: LogReader
    private let records: StreamRecordReader
    private let codec = CloudEventsCodec.ofStored()

    /// Folds the latest checkpoint and what was written since.
    package init(folder: String) throws(StoredEventError) {
        self.folder = folder
        let ledger: Ledger
        (reader, ledger) = try StoredLedger.open(folder)
        streams = ledger.streams
        records = StreamRecordReader(reader)
    }

    /// Visits events of one stream, or of all (`nil`) in the order in which they were appended, until `body` says false.
    /// Without a filter only what is visited is read.
    package func forEach(
        of stream: String?, _ selection: StreamSelection, _ filter: StreamFilter = StreamFilter(),
        _ body: (StoredStreamEvent) throws -> Bool
    ) throws {
        try streams.forEachEvent(of: stream, selection, record: records.record(of:)) { place in
            let event = try codec.event(place.line)
            guard filter.takes(event) else { return true }
            return try body(StoredStreamEvent(place: place, event: event))
        }
    }

    /// What is written behind the last frame that was folded.
    func tail() throws(LogError) -> LogTail? { try LogTail(after: reader) }

    /// A stream's latest snapshot at a revision or before, as it was at a time; `nil` when there is none.
    package func snapshot(
        of stream: String, at revision: UInt64 = .max, asOf: UInt64 = .max
    ) throws(LogError) -> (revision: UInt64, time: UInt64, bytes: [UInt8])? {
        guard let found = streams.snapshot(of: stream, where: { $0.revision <= revision && $0.time <= asOf }) else {
            return nil
        }
        return (found.revision, found.time, try records.record(at: found.place).data)
    }
}
