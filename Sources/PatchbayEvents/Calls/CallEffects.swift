/// What a handler asked for during a call: held until the call completes `done`, dropped otherwise.
package struct CallEffects: Sendable {
    /// In the order of the calls to `patchbay.emit`.
    package var emits: [EmittedEvent] = []
    /// In order; a later write to a key follows an earlier one.
    package var stateWrites: [StateWrite] = []
    package var timers: [TimerChange] = []
    /// One a stream at most.
    package var streamAppends: [StreamAppend] = []
    package var streamSnapshots: [StreamSnapshotWrite] = []
    /// In order; a later change of a subscription follows an earlier one.
    package var subscriptions: [SubscriptionChange] = []
    /// Texts and data of all this in bytes, as counted by `grow`.
    private var bytes = 0
    /// Room for the state writes, from when they are made until they are committed or dropped.
    package var stateRoom: ByteRoom.Hold?
    /// Room for what is appended to streams, and for snapshots, as for state writes.
    package var streamRoom: ByteRoom.Hold?
    /// Room for new subscriptions, one each, as for state writes.
    package var subscriptionRoom: ByteRoom.Hold?
    /// Room for the emits, from when they are made until they are queued for intake or dropped.
    package var emitRoom: ByteRoom.Hold?

    package init() {}

    /// Counts `change` more bytes, unless that makes more than `max`; whether it did.
    package mutating func grow(by change: Int, max: Int) -> Bool {
        guard change <= 0 || bytes + change <= max else { return false }
        bytes += change
        return true
    }

    /// The same without what it holds of the stores' room, for whoever only looks at it.
    package var withoutRoom: CallEffects {
        var copy = self
        (copy.stateRoom, copy.streamRoom, copy.subscriptionRoom, copy.emitRoom) = (nil, nil, nil, nil)
        return copy
    }

    package var isEmpty: Bool {
        emits.isEmpty && stateWrites.isEmpty && timers.isEmpty && !changesStreams && subscriptions.isEmpty
    }
    package var changesStreams: Bool { !streamAppends.isEmpty || !streamSnapshots.isEmpty }
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

    /// Memory that it holds until it is in the log, roughly: its bytes, and what the host needs to keep it.
    package var heldByteCount: Int { byteCount + 512 }

    /// Bytes of its attributes and data.
    package var byteCount: Int {
        let texts = [event.id, event.source, event.type, event.subject, event.datacontenttype, event.dataschema]
        return texts.reduce(event.data?.count ?? 0) { $0 + ($1?.utf8.count ?? 0) }
            + event.extensions.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
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

    package var byteCount: Int { key.utf8.count + (value?.count ?? 0) }
    /// Bytes that it takes in the store; none when it deletes.
    package var storedByteCount: Int { value == nil ? 0 : byteCount }
}

/// A timer set or cancelled during a call: a delayed emit to oneself.
package enum TimerChange: Sendable {
    /// Setting an id that is set replaces it. `event.notBefore` is when it fires, in Unix nanoseconds.
    case set(id: String, event: EmittedEvent)
    case cancel(id: String)
}
