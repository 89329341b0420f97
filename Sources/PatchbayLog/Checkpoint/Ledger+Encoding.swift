/// A ledger's part of a checkpoint: everything that the header does not have, in an order that depends on nothing but
/// the ledger's content. Numbers are variable-length unless said otherwise.
extension Ledger {
    func encode(to writer: inout ByteWriter) {
        for path in LedgerCounts.paths { writer.append(varint: counts[keyPath: path]) }
        for kind in NameTable.kinds {
            let all = names.names(kind)
            writer.append(varint: all.count)
            for name in all { writer.append(counted: name) }
        }
        encodePending(to: &writer)
        encodeFailures(to: &writer)
        encodeLetters(to: &writer)
    }

    /// For each group: frame and position as differences, location, events, then for each handler its number twice (plus
    /// 1 when all events are pending), and else the bits: 8 bytes for each 64 events.
    private func encodePending(to writer: inout ByteWriter) {
        writer.append(varint: pendingTable.groupCount)
        var sequence: UInt64 = 0
        var position: UInt64 = 0
        pendingTable.forEachGroup { group in
            writer.append(varint: group.sequence - sequence)
            writer.append(varint: group.firstPosition - position)
            sequence = group.sequence
            position = group.end
            writer.append(group.location)
            writer.append(varint: Int(group.count))
            var runs: [(handler: UInt16, bits: [UInt64]?)] = []
            pendingTable.forEachRun(of: group) { handler, pending, bits in
                runs.append((handler, pending == Int(group.count) ? nil : Array(bits)))
            }
            runs.sort { $0.handler < $1.handler }
            writer.append(varint: runs.count)
            for run in runs {
                writer.append(varint: Int(run.handler) * 2 + (run.bits == nil ? 1 : 0))
                for word in run.bits ?? [] { writer.append(word) }
            }
        }
    }

    /// The texts that attempts share, then the deliveries by position and handler.
    private func encodeFailures(to writer: inout ByteWriter) {
        let sorted = failures.deliveries.sorted {
            ($0.key.position, $0.key.handler) < ($1.key.position, $1.key.handler)
        }
        var texts: [String: Int] = [:]
        var order: [String] = []
        for (_, known) in sorted {
            for attempt in known.history {
                for text in [attempt.failureClass, attempt.reason] where texts[text] == nil {
                    texts[text] = order.count
                    order.append(text)
                }
            }
        }
        writer.append(varint: order.count)
        for text in order { writer.append(counted: text) }
        writer.append(varint: sorted.count)
        for (delivery, known) in sorted {
            writer.append(delivery)
            for value in [
                UInt64(known.attempts), known.isHalted ? 1 : 0, known.due, known.firstStart, known.previousDelay,
                UInt64(known.leftOut), UInt64(known.history.count),
            ] { writer.append(varint: value) }
            for attempt in known.history {
                writer.append(varint: UInt64(attempt.number))
                writer.append(attempt.code)
                writer.append(varint: attempt.endedAt)
                writer.append(varint: attempt.duration)
                writer.append(varint: texts[attempt.failureClass] ?? 0)
                writer.append(varint: texts[attempt.reason] ?? 0)
            }
        }
    }

    /// Letters by id, edits by id, redriven deliveries by position and handler.
    private func encodeLetters(to writer: inout ByteWriter) {
        writer.append(varint: letters.count)
        letters.forEach(after: nil) { letter in
            writer.append(letter.id)
            writer.append(letter.delivery)
            writer.append(letter.location)
            writer.append(letter.state.rawValue)
            return true
        }
        writer.append(varint: letters.edits.count)
        for (id, location) in letters.edits.sorted(by: { $0.key < $1.key }) {
            writer.append(id)
            writer.append(location)
        }
        writer.append(varint: redriven.count)
        for (delivery, letter) in redriven.sorted(by: {
            ($0.key.position, $0.key.handler) < ($1.key.position, $1.key.handler)
        }) {
            writer.append(delivery)
            writer.append(letter)
        }
    }
}

extension NameTable {
    static var kinds: [NameRecord.Kind] { [.route, .handler, .configuration] }
}

extension LedgerCounts {
    /// In the order of the checkpoint.
    static var paths: [WritableKeyPath<LedgerCounts, UInt64>] {
        [
            \.events, \.eventsWithoutDeliveries, \.created, \.done, \.skipped, \.dead, \.unmatched, \.retries, \.halts,
            \.redriven, \.purged, \.edited,
        ]
    }
}

extension ByteWriter {
    mutating func append(_ location: FrameLocation) {
        append(varint: UInt64(location.segment))
        append(varint: UInt64(location.offset))
        append(varint: UInt64(location.length))
    }

    mutating func append(_ delivery: DeliveryID) {
        append(varint: delivery.position)
        append(varint: UInt64(delivery.handler))
    }

    mutating func append(_ id: LetterID) {
        append(varint: id.sequence)
        append(varint: UInt64(id.index))
    }
}

extension ByteReader {
    mutating func nextLocation() throws(LogFormatError) -> FrameLocation {
        FrameLocation(
            segment: try nextVarint(as: UInt32.self), offset: try nextVarint(as: UInt32.self),
            length: try nextVarint(as: UInt32.self))
    }

    mutating func nextDelivery() throws(LogFormatError) -> DeliveryID {
        DeliveryID(position: try nextVarint(), handler: try nextVarint(as: UInt16.self))
    }

    mutating func nextLetterID() throws(LogFormatError) -> LetterID {
        LetterID(sequence: try nextVarint(), index: try nextVarint(as: UInt32.self))
    }
}
