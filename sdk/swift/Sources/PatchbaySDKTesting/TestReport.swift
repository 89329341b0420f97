public import PatchbaySDK

/// An event for a test.
public struct TestEvent: Sendable {
    public var type: String
    public var id = "1"
    public var source = "/test"
    public var subject: String
    public var time = ""
    public var dataContentType: String
    public var dataSchema = ""
    public var idempotencyKey = "test-1"
    /// Extension attributes.
    public var attributes: [String: String] = [:]
    public var data: [UInt8]
    /// 1 for the first attempt.
    public var attempt = 1
    /// 0: no limit.
    public var attemptsMax = 0

    public init(type: String, subject: String = "", json: JSON) {
        self.init(type: type, subject: subject, data: Array(json.description.utf8), dataContentType: "application/json")
    }

    public init(type: String, subject: String = "", data: [UInt8] = [], dataContentType: String = "") {
        self.type = type
        self.subject = subject
        self.data = data
        self.dataContentType = dataContentType
    }
}

/// What became of one event.
public struct TestReport: Sendable {
    public enum Outcome: Int32, Sendable {
        case done = 1
        case retry = 2
        case fail = 3
        case skip = 4
        case cancelled = 5
        case busy = 6
    }

    public internal(set) var outcome: Outcome
    /// Empty when the handler gave none.
    public internal(set) var reason = ""
    /// Nil: the route's policy decides; 1 ns: at once.
    public internal(set) var retryAfter: Duration?
    public internal(set) var code: Int32 = 0
    /// Whether the circuit breaker would not count it.
    public internal(set) var sparesBreaker = false
    /// JSON text; empty when there is none.
    public internal(set) var detail = ""
    public internal(set) var reply: [UInt8] = []
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
    public let message: String
    public let fields: [String: String]

    public init(level: Int32, message: String, fields: [String: String] = [:]) {
        self.level = level
        self.message = message
        self.fields = fields
    }
}

/// A span that the handler opened.
public struct TestSpan: Sendable, Equatable {
    public let name: String
    /// Values as JSON text.
    public internal(set) var attributes: [String: String] = [:]
    public internal(set) var events: [String] = []
    /// Nil while it was open at the completion.
    public internal(set) var ok: Bool?
}

/// A value that the handler recorded.
public struct TestMeasurement: Sendable, Equatable {
    public let instrument: String
    public let value: Double
    public let attributes: [String: String]

    public init(instrument: String, value: Double, attributes: [String: String] = [:]) {
        self.instrument = instrument
        self.value = value
        self.attributes = attributes
    }
}
