/// A set of events of one section, by index: 0 to 511.
package struct EventBits: Sendable, Equatable {
    private(set) var words = InlineArray<8, UInt64>(repeating: 0)

    package init() {}

    package func contains(_ event: Int) -> Bool { words[event >> 6] & (1 << UInt64(event & 63)) != 0 }

    package mutating func insert(_ event: Int) { words[event >> 6] |= 1 << UInt64(event & 63) }

    mutating func setWord(_ index: Int, _ word: UInt64) { words[index] = word }

    package var count: Int { words.indices.reduce(0) { $0 + words[$1].nonzeroBitCount } }

    package var isEmpty: Bool { words.indices.allSatisfy { words[$0] == 0 } }

    /// Visits the events, ascending.
    package func forEach(_ body: (Int) -> Void) {
        for index in words.indices {
            var word = words[index]
            while word != 0 {
                body(index * 64 + word.trailingZeroBitCount)
                word &= word - 1
            }
        }
    }

    package static func == (one: EventBits, other: EventBits) -> Bool {
        one.words.indices.allSatisfy { one.words[$0] == other.words[$0] }
    }
}

/// The events of one events section that a handler still has to handle.
package struct PendingEvents: Sendable, Equatable {
    /// The frame's.
    package var sequence: UInt64
    package var location: FrameLocation
    /// Position of the section's first event: a frame may hold several events sections.
    package var firstPosition: UInt64
    /// Of the section.
    package var eventCount: Int
    /// Never empty.
    package var events: EventBits

    package init(
        sequence: UInt64, location: FrameLocation, firstPosition: UInt64, eventCount: Int, events: EventBits
    ) {
        self.sequence = sequence
        self.location = location
        self.firstPosition = firstPosition
        self.eventCount = eventCount
        self.events = events
    }
}

/// What a handler still has to handle of the events of frames, oldest first. A snapshot: later folds do not change it.
package struct PendingSequence: Sequence, IteratorProtocol {
    let table: PendingTable
    let handler: UInt16
    var position: UInt64

    package mutating func next() -> PendingEvents? {
        guard let found = table.next(handler, from: position) else { return nil }
        position = found.firstPosition + UInt64(found.eventCount)
        return found
    }
}
