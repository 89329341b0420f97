package import PatchbayEvents

/// Why a stream takes no append.
package enum StreamRefusal: Error, Equatable, Sendable {
    /// It is at another revision: `nil` when there is no such stream.
    case wrongRevision(stream: String, expected: ExpectedRevision, actual: UInt64?)
    /// Some of the events are in the stream already, and not as this append has them.
    case partialRepeat(stream: String, actual: UInt64?)
    case deleted(stream: String)
    /// There is no such stream, or revision.
    case missing(String)
    /// A name or a number of events that cannot be.
    case impossible(String)
}

extension StreamRefusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .wrongRevision(let stream, let expected, let actual):
            "stream '\(stream)' \(Self.text(actual)), expected was \(expected)"
        case .partialRepeat(let stream, let actual):
            "some of these events are in stream '\(stream)' already, and others are not; it \(Self.text(actual))"
        case .deleted(let stream): "stream '\(stream)' is deleted; it takes nothing any more"
        case .missing(let text), .impossible(let text): text
        }
    }

    private static func text(_ actual: UInt64?) -> String {
        actual.map { "is at revision \($0)" } ?? "does not exist"
    }

    /// The stream's last revision where that is what the refusal is about.
    package var actual: UInt64? {
        switch self {
        case .wrongRevision(_, _, let actual), .partialRepeat(_, let actual): actual
        default: nil
        }
    }
}

extension Streams {
    /// What an append comes to.
    package enum Decision: Equatable, Sendable {
        /// The first event gets this revision.
        case appends(at: UInt64)
        /// It was done before: the first event has this revision.
        case isRepeat(of: UInt64)
    }

    /// Decides about an append of events with these keys; nothing is changed.
    ///
    /// The same events again are a repeat, wherever the stream is now, as long as they are among its newest 4,096.
    package func decide(
        _ name: String, expected: ExpectedRevision, keys: [UInt64]
    ) throws(StreamRefusal) -> Decision {
        try Self.check(name: name)
        guard (1...Self.eventsMax).contains(keys.count) else {
            throw .impossible("an append has 1 to \(Self.eventsMax) events, not \(keys.count)")
        }
        let stream = indexes[name].map { table[$0] }
        if stream?.isDeleted == true { throw .deleted(stream: name) }
        let next = stream?.next ?? 0
        switch expected {
        case .noStream where next == 0, .any where next == 0: return .appends(at: 0)
        case .exact(let revision) where next > 0 && revision == next - 1: return .appends(at: next)
        case .noStream:
            if stream?.holds(keys, at: 0) == true { return .isRepeat(of: 0) }
        case .exact(let revision):
            if revision < next, stream?.holds(keys, at: revision + 1) == true { return .isRepeat(of: revision + 1) }
        case .any, .streamExists:
            guard let stream, next > 0 else { break }
            if let revision = stream.repeated(keys) { return .isRepeat(of: revision) }
            if stream.holdsAny(of: keys) { throw .partialRepeat(stream: name, actual: next - 1) }
            return .appends(at: next)
        }
        throw .wrongRevision(stream: name, expected: expected, actual: next == 0 ? nil : next - 1)
    }

    /// Names have 1 to 1,024 bytes and no control characters.
    package static func check(name: String) throws(StreamRefusal) {
        guard !name.isEmpty, name.utf8.count <= nameBytesMax,
            name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
        else {
            throw .impossible("a stream's name has 1 to \(nameBytesMax) bytes and no control characters")
        }
    }

    /// A stream that is there and not deleted.
    package func existing(_ name: String) throws(StreamRefusal) -> StreamInfo {
        guard let info = self[name] else { throw .missing("there is no stream '\(name)'") }
        guard !info.isDeleted else { throw .deleted(stream: name) }
        return info
    }
}

extension Streams.Stream {
    /// Whether the events from `revision` on have these keys.
    func holds(_ wanted: [UInt64], at revision: UInt64) -> Bool {
        guard revision <= next, next - revision >= UInt64(wanted.count) else { return false }
        let back = Int(next - revision)
        guard back <= min(Streams.repeatWindow, keys.count) else { return false }
        return keys[(keys.count - back)...].prefix(wanted.count).elementsEqual(wanted)
    }

    /// The revision from which on the events have these keys, the latest such.
    func repeated(_ wanted: [UInt64]) -> UInt64? {
        guard let first = wanted.first else { return nil }
        let start = keys.count - min(Streams.repeatWindow, keys.count)
        var index = keys.count - wanted.count
        while index >= start {
            if keys[index] == first, keys[index...].prefix(wanted.count).elementsEqual(wanted) {
                return next - UInt64(keys.count - index)
            }
            index -= 1
        }
        return nil
    }

    func holdsAny(of wanted: [UInt64]) -> Bool {
        let wanted = Set(wanted)
        return keys.suffix(Streams.repeatWindow).contains { wanted.contains($0) }
    }
}
