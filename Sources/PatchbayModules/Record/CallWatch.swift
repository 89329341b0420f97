package import CPatchbay
package import PatchbayEvents

/// Whoever wants to see calls as they are made, with all that they ask of the host: a recorder, or the rerun of a call
/// that was recorded. Handlers that nobody watches know nothing of it.
package protocol CallWatch: AnyObject, Sendable {
    /// Whether calls of a handler may be watched, by the name that routes use. Asked once, when it is made.
    func watches(_ handler: String) -> Bool
    /// Gives it what ends the tapes of a handler's calls that the host has closed. [any thread]
    func looksAfter(_ endClosed: @escaping @Sendable () -> Void)
    /// Whether more calls will be watched. [any thread]
    var isWatching: Bool { get }
    /// A tape for a call that is about to begin; `nil`: this one is not watched. [worker]
    func begin(
        _ subject: CallSubject, _ call: patchbay_call, _ event: UnsafePointer<patchbay_event>
    ) -> CallTape?
    /// Makes a call that has a tape. [worker]
    func run(
        _ handler: Handler, _ call: patchbay_call, _ event: UnsafePointer<patchbay_event>
    ) -> patchbay_status
}

extension CallWatch {
    package func looksAfter(_ endClosed: @escaping @Sendable () -> Void) {}

    package func run(
        _ handler: Handler, _ call: patchbay_call, _ event: UnsafePointer<patchbay_event>
    ) -> patchbay_status { handler.handle(handler.instance, call, event) }
}

/// Whose calls are watched.
package struct CallSubject: Sendable {
    package var file: ModuleFile
    package var scope: HandlerScope
    package var shown: ShownConfiguration
    /// The services that it is granted.
    package var network: [String]
    package var isIsolated: Bool
}

/// A handler's configuration as it may be written down.
package struct ShownConfiguration: Sendable {
    package var value: Value
    /// Takes what is withheld out of what the handler makes of it.
    package var redact: @Sendable (String) -> String

    package init(_ value: Value, redact: @escaping @Sendable (String) -> String = { $0 }) {
        self.value = value
        self.redact = redact
    }
}

/// Where a tape goes.
package protocol TapeSink: AnyObject, Sendable {
    /// One entry at a time, in order. [any thread]
    func write(_ entry: Value)
    /// The last entry: what came of the call.
    func end(_ outcome: Value, _ kind: OutcomeKind)
}
