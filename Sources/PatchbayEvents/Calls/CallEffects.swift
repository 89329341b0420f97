/// What a handler asked for during a call: held until the call completes `done`, dropped otherwise.
package struct CallEffects: Sendable {
    /// In the order of the calls to `patchbay.emit`.
    package var emits: [EmittedEvent] = []
    /// In order; a later write to a key follows an earlier one.
    package var stateWrites: [StateWrite] = []
    package var timers: [TimerChange] = []

    package init() {}

    package var isEmpty: Bool { emits.isEmpty && stateWrites.isEmpty && timers.isEmpty }
}

/// An event that a handler emits; its id may be empty and is then derived from (event, handler, index).
package struct EmittedEvent: Sendable {
    package var event: Event
    /// Unix nanoseconds; 0 is at once.
    package var notBefore: UInt64

    package init(event: Event, notBefore: UInt64) {
        self.event = event
        self.notBefore = notBefore
    }
}

/// One buffered change of handler state.
package struct StateWrite: Sendable {
    package var key: String
    /// `nil` deletes.
    package var value: [UInt8]?
    /// Revision that the key must have at commit: 0 creates, `UInt64.max` is any.
    package var expectedRevision: UInt64
    /// Nanoseconds; 0 is for ever.
    package var timeToLive: UInt64

    package init(key: String, value: [UInt8]?, expectedRevision: UInt64, timeToLive: UInt64) {
        self.key = key
        self.value = value
        self.expectedRevision = expectedRevision
        self.timeToLive = timeToLive
    }
}

/// A timer set or cancelled during a call: a delayed emit to oneself.
package enum TimerChange: Sendable {
    /// Setting an id that is set replaces it. `event.notBefore` is when it fires, in Unix nanoseconds.
    case set(id: String, event: EmittedEvent)
    case cancel(id: String)
}
