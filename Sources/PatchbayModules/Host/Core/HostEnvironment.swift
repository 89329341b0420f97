package import Logging
package import PatchbayEvents
package import PatchbayLog
package import PatchbayTelemetry
package import PatchbayTransfers

/// What the services that modules call are made of; one for the whole host.
package struct HostEnvironment: Sendable {
    /// How large a thing a module may hand over in one piece, or in one call.
    package struct Limits: Sendable, Equatable {
        /// Bytes of an emitted event's data and attributes together.
        package var eventBytes = 1 << 20
        /// Arrays and objects of an emitted event that are open at once.
        package var nesting = 64
        /// Bytes of all that a call emits, writes and sets before it is done.
        package var effectBytesPerCall = 16 << 20
        package var emitsPerCall = 1000
        package var timersPerCall = 1000
        package var stateWritesPerCall = 10_000
        /// Appended to one stream.
        package var streamEventsPerCall = 1000
        package var streamSnapshotsPerCall = 100
        package var subscriptionsPerCall = 100
        package var stateKeyBytes = 1024
        /// Of a stream's snapshot, too.
        package var stateValueBytes = 1 << 20
        /// Fields of one log line, attributes of one measurement or one span's event.
        package var fields = 64
        /// Bytes of a log message, a span's name or an attribute; longer ones are cut.
        package var textBytes = 16 << 10

        package init() {}
    }

    /// The host program's own, for messages of modules.
    package var name: String
    package var version: String
    package var calls: CallTable
    package var logger: Logger
    /// Whoever settles calls ends what they left open.
    package var spans: HandlerSpans
    package var metrics: MetricsRegistry
    package var state: StateStore
    /// What calls of a shadow see in the place of some state; nothing that they ask for leaves the host then. `nil`: the
    /// calls are no shadow's.
    package var shadow: ShadowView?
    package var timers: TimerStore
    package var streams: StreamStore
    package var subscriptions: SubscriptionStore
    /// `nil` where there is no network, as in a test file's simulation.
    package var transfers: TransferEngine?
    package var limits = Limits()
    /// Ids of the services that modules find; `nil`: all that there are.
    package var offered: Set<String>?
    /// How much longer than it is the host's table says that it is, as that of a later host would be.
    package var extraTableBytes: UInt32 = 0
    /// Which event types a pattern takes; `nil` for what is no pattern. By itself a pattern takes only what it says.
    package var typeMatcher: @Sendable (_ pattern: String) -> (@Sendable (_ type: String) -> Bool)? = { pattern in
        { $0 == pattern }
    }
    /// Unix nanoseconds; must not block.
    package var unixNow: @Sendable () -> UInt64

    package init(
        name: String = "patchbay", version: String, calls: CallTable, logger: Logger, spans: HandlerSpans,
        metrics: MetricsRegistry, state: StateStore = StateStore(), timers: TimerStore = TimerStore(),
        streams: StreamStore = StreamStore(), subscriptions: SubscriptionStore = SubscriptionStore(),
        transfers: TransferEngine? = nil, limits: Limits = Limits(),
        unixNow: @escaping @Sendable () -> UInt64 = TelemetryClock.unixNow
    ) {
        self.name = name
        self.version = version
        self.calls = calls
        self.logger = logger
        self.spans = spans
        self.metrics = metrics
        self.state = state
        self.timers = timers
        self.streams = streams
        self.subscriptions = subscriptions
        self.transfers = transfers
        self.limits = limits
        self.unixNow = unixNow
    }
}

/// Whose state and timers: one handler of one module instance.
package struct HandlerScope: Sendable, Hashable {
    package let instance: String
    package let handler: String

    package init(instance: String, handler: String) {
        self.instance = instance
        self.handler = handler
    }

    /// From the name that routes use; instances have no dots.
    package init(name: String) {
        instance = String(name.prefix { $0 != "." })
        handler = String(name.drop { $0 != "." }.dropFirst())
    }

    /// As routes name it.
    package var name: String { "\(instance).\(handler)" }
}
