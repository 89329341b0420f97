/// What a stream must be for an append to it.
package enum ExpectedRevision: Equatable, Sendable {
    case any
    /// Nothing was ever appended to it.
    case noStream
    case streamExists
    /// That is its last event's.
    case exact(UInt64)
}

extension ExpectedRevision: CustomStringConvertible {
    package var description: String {
        switch self {
        case .any: "any revision"
        case .noStream: "no stream"
        case .streamExists: "a stream that exists"
        case .exact(let revision): "revision \(revision)"
        }
    }
}

/// All that a call appends to one stream.
package struct StreamAppend: Sendable {
    package var stream: String
    /// At the commit, as it was with the first event.
    package var expected: ExpectedRevision
    /// With their ids.
    package var events: [Event]

    package init(stream: String, expected: ExpectedRevision, events: [Event]) {
        self.stream = stream
        self.expected = expected
        self.events = events
    }
}

/// A snapshot that a call keeps.
package struct StreamSnapshotWrite: Sendable {
    package var stream: String
    /// The last event that it includes.
    package var revision: UInt64
    package var bytes: [UInt8]

    package init(stream: String, revision: UInt64, bytes: [UInt8]) {
        self.stream = stream
        self.revision = revision
        self.bytes = bytes
    }
}

/// What a handler wants to get of a stream, as events of its own.
package struct StreamWish: Equatable, Sendable {
    package var stream: String
    /// The first revision that is wanted; `fromEnd` is the one behind the stream's last event.
    package var from: UInt64
    /// A pattern of types; empty takes every type.
    package var type: String
    /// The events' `correlationid`; empty takes every one.
    package var correlation: String

    package static let fromEnd = UInt64.max - 3

    package init(stream: String, from: UInt64 = 0, type: String = "", correlation: String = "") {
        self.stream = stream
        self.from = from
        self.type = type
        self.correlation = correlation
    }
}

/// A subscription of the calling handler, by its name.
package enum SubscriptionChange: Equatable, Sendable {
    /// One that is there and reads the same stream keeps its place.
    case subscribe(name: String, StreamWish)
    case unsubscribe(name: String)
}
