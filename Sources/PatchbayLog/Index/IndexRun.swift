/// A run of events in a segment that lie one after the other: an events section of a frame, or a frame without events.
struct IndexRun: Equatable {
    static let byteCount = 20

    /// Number of its frame in the segment, from 0: the frame's sequence less the segment's first.
    var frame: UInt32
    /// Where the frame lies in the segment.
    var offset: UInt32
    var length: UInt32
    /// Number in the segment of its first event, from 0: position less the segment's first position.
    var firstEvent: UInt32
    /// Offset in the segment behind the last event's line.
    var linesEnd: UInt32
}

/// Where an event lies.
struct EventPlace: Equatable {
    /// Number of its frame in the segment.
    var frame: Int
    /// Of its frame.
    var frameOffset: Int
    var frameLength: Int
    /// Of its line, from the segment's start.
    var offset: Int
    var length: Int
}

/// The tables of an index, wherever they are kept.
protocol IndexTables {
    var runCount: Int { get }
    var eventCount: Int { get }
    func run(_ index: Int) -> IndexRun
    /// Offset of an event's line in the segment.
    func line(_ event: Int) -> UInt32
}

extension IndexTables {
    /// The place of an event by its number in the segment.
    func place(_ event: Int) -> EventPlace? {
        guard event >= 0, event < eventCount, runCount > 0 else { return nil }
        let index = lastRun { Int($0.firstEvent) <= event }
        let run = run(index)
        let isLast =
            event + 1 == eventCount || (index + 1 < runCount && Int(self.run(index + 1).firstEvent) == event + 1)
        let start = Int(line(event))
        let end = isLast ? Int(run.linesEnd) : Int(line(event + 1)) - 1
        guard start <= end else { return nil }
        return EventPlace(
            frame: Int(run.frame), frameOffset: Int(run.offset), frameLength: Int(run.length), offset: start,
            length: end - start)
    }

    /// The first run of a frame by its number in the segment.
    func run(ofFrame frame: Int) -> IndexRun? {
        guard frame >= 0, runCount > 0 else { return nil }
        let run = run(lastRun { Int($0.frame) <= frame })
        return Int(run.frame) == frame ? run : nil
    }

    /// The number of the frame that holds an event, or of the first behind it.
    func frame(ofEvent event: Int) -> Int {
        guard runCount > 0 else { return 0 }
        return Int(run(lastRun { Int($0.firstEvent) <= event }).frame)
    }

    /// The last run of which `isBefore` is true, which it is of all runs up to some; 0 when of none.
    private func lastRun(_ isBefore: (IndexRun) -> Bool) -> Int {
        var low = 0
        var high = runCount
        while high - low > 1 {
            let middle = (low + high) / 2
            if isBefore(run(middle)) { low = middle } else { high = middle }
        }
        return low
    }
}
