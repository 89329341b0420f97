public import PatchbaySDK

/// An event for a test.
public struct TestEvent: Sendable {
    /// Such as `com.acme.order.paid`.
    public var type: String
    /// Unique together with `source`.
    public var id = "1"
    /// URI reference.
    public var source = "/test"
    /// May be empty.
    public var subject: String
    /// RFC 3339; may be empty.
    public var time = ""
    /// Media type of `data`; may be empty.
    public var dataContentType: String
    /// URI; may be empty.
    public var dataSchema = ""
    /// The same for every attempt of one delivery.
    public var idempotencyKey = "test-1"
    /// Extension attributes.
    public var attributes: [String: String] = [:]
    /// The payload's bytes.
    public var data: [UInt8]
    /// 1 for the first attempt.
    public var attempt = 1
    /// 0: no limit.
    public var attemptsMax = 0

    /// An event with JSON data.
    public init(type: String, subject: String = "", json: JSON) {
        self.init(type: type, subject: subject, data: Array(json.description.utf8), dataContentType: "application/json")
    }

    /// An event with data in any format, or without data.
    public init(type: String, subject: String = "", data: [UInt8] = [], dataContentType: String = "") {
        self.type = type
        self.subject = subject
        self.data = data
        self.dataContentType = dataContentType
    }
}

/// What became of one event.
public struct TestReport: Sendable {
    /// The kinds of outcomes.
    public enum Outcome: Int32, Sendable {
        case done = 1
        case retry = 2
        case fail = 3
        case skip = 4
        case cancelled = 5
        case busy = 6
    }

    /// `retry` also for a result without a known outcome.
    public internal(set) var outcome: Outcome
    /// Empty when the handler gave none.
    public internal(set) var reason = ""
    /// Nil: the route's policy decides; 1 ns: at once.
    public internal(set) var retryAfter: Duration?
    /// The handler's own; 0: none.
    public internal(set) var code: Int32 = 0
    /// Whether the circuit breaker would not count it.
    public internal(set) var sparesBreaker = false
    /// JSON text; empty when there is none.
    public internal(set) var detail = ""
    /// The answer's bytes; empty without one.
    public internal(set) var reply: [UInt8] = []
    /// Media type of `reply`.
    public internal(set) var replyContentType = ""
    /// In the order of emitting; empty unless done.
    public internal(set) var emitted: [EventDraft] = []
    /// In the order of beginning.
    public internal(set) var spans: [TestSpan] = []
}

/// A line that the handler logged.
public struct TestLog: Sendable, Equatable {
    /// A severity of OpenTelemetry, such as `LogLevel.info.rawValue`.
    public let level: Int32
    /// The text without its fields.
    public let message: String
    /// Names and values.
    public let fields: [String: String]

    /// A value to compare with.
    public init(level: Int32, message: String, fields: [String: String] = [:]) {
        self.level = level
        self.message = message
        self.fields = fields
    }
}

/// A span that the handler opened.
public struct TestSpan: Sendable, Equatable {
    /// As the handler gave it.
    public let name: String
    /// Values as JSON text.
    public internal(set) var attributes: [String: String] = [:]
    /// Names, in their order.
    public internal(set) var events: [String] = []
    /// Nil while it was open at the completion.
    public internal(set) var ok: Bool?
}

/// A value that the handler recorded.
public struct TestMeasurement: Sendable, Equatable {
    /// The instrument's name.
    public let instrument: String
    /// As it was recorded.
    public let value: Double
    /// Names and values.
    public let attributes: [String: String]

    /// A value to compare with.
    public init(instrument: String, value: Double, attributes: [String: String] = [:]) {
        self.instrument = instrument
        self.value = value
        self.attributes = attributes
    }
}
