extension Configuration {
    /// One test of the configuration: what is sent, how handlers fare, and what is to come of it, under virtual time.
    package struct Test: Sendable, Equatable {
        package var name = ""
        /// Decides jitter and weighted choices.
        package var seed = 1
        package var send = Several<Sending>()
        package var inject = Several<Injection>()
        package var expect = Several<Expectation>()
        /// Where the name stands.
        package var location = SourceLocation.none

        package init() {}
    }

    /// One value, or a list of them, as the file has it.
    package struct Several<Element: Sendable & Equatable>: Sendable, Equatable {
        package var items: [Element] = []
        package var isList = true

        package init() {}

        /// The path of an element below that of the whole.
        package func path(_ index: Int, of path: String) -> String { isList ? "\(path)[\(index)]" : path }
    }

    /// A number or duration, or a range of them with both ends included; an end that is missing is open.
    package struct Bounds<Value: Comparable & Sendable>: Sendable, Equatable {
        package var lower: Value?
        package var upper: Value?

        package init(lower: Value?, upper: Value?) {
            self.lower = lower
            self.upper = upper
        }

        package func contains(_ value: Value) -> Bool {
            lower.map { $0 <= value } ?? true && upper.map { value <= $0 } ?? true
        }
    }
}

extension Configuration.Test {
    /// An event as a test writes it: some of its attributes and perhaps its data.
    package struct EventText: Sendable, Equatable {
        /// In the order written, names unique; without `data`.
        package var attributes: [Configuration.AttributeText] = []
        /// By name, the extension attributes that are written as whole numbers of 32 bits or truth values, which they
        /// stay; all others are texts.
        package var values: [String: ConfigurationValue] = [:]
        package var data: ConfigurationValue?
        package var location = SourceLocation.none

        package init() {}

        package subscript(name: String) -> String? { attributes.first { $0.attribute == name }?.text }
    }

    /// Events that come in: one, or the same again and again.
    package struct Sending: Sendable, Equatable {
        package var event = EventText()
        /// When the first one comes in, from the test's beginning.
        package var at = Duration.zero
        /// The time between two; with `times`.
        package var every = Duration.seconds(1)
        package var times = 1
        /// Written as `{event: …}`, not with the attributes beside the schedule.
        package var isNested = false

        package init() {}
    }

    /// What a handler does, attempt by attempt.
    package struct Injection: Sendable, Equatable {
        package var handler = ""
        /// The id of the event that it is about; `nil` is every event.
        package var event: String?
        /// Attempts that begin in this span of virtual time; `nil` is always.
        package var between: Configuration.Bounds<Duration>?
        /// What one attempt after the other does.
        package var fail: [Step] = []
        /// What every attempt after the last step does.
        package var then = Step(.ok)
        /// After the last step comes the first again. Of the host's own scripted handlers only.
        package var repeats = false
        /// Each event plays the steps from their beginning, instead of all events together.
        package var perEvent = false
        /// How long an attempt takes that says nothing of its own.
        package var takes = Duration.zero
        /// What an attempt that is done emits.
        package var emits = Configuration.Several<EventText>()
        /// Calls at once that the handler's module allows; 0 is unlimited.
        package var concurrency = 0

        package init() {}
    }

    /// What one attempt does.
    package struct Step: Sendable, Equatable {
        package enum Outcome: String, Sendable, CaseIterable {
            case ok, skip
            /// May be tried again.
            case transient
            /// No attempt will succeed.
            case permanent
            /// As `permanent`, and the event is at fault: the breaker hears nothing of it.
            case reject
            /// Sheds the call, which costs no attempt.
            case busy
            /// Is asked to end at its deadline, and does.
            case timeout
            /// Never returns, whatever it is asked.
            case hang
        }

        package var outcome: Outcome
        /// Empty is the outcome's name.
        package var reason = ""
        /// How long the handler asks to wait; zero leaves it to the policy.
        package var retryAfter = Duration.zero
        package var code = 0
        package var takes: Duration?
        /// How many attempts in a row.
        package var times = 1

        package init(_ outcome: Outcome) { self.outcome = outcome }
    }
}
