/// A way to live that `patchbay check` leads a handler through, each in a process of its own.
package enum CheckedLife: String, Sendable, CaseIterable {
    /// Calls with drawn events, then as many with one and the same; drained, destroyed, shut down.
    case usual
    /// A host that has no service but those that the manifest requires.
    case bare
    /// A host that is newer than the header: its table and its events are longer.
    case newer
    /// One instance after another, with configurations that are drawn from the schema.
    case configured
    /// Events in batches of drawn sizes.
    case batched
    /// Calls on several threads at once.
    case crowded
    /// The same, and calls are cancelled at drawn moments.
    case cancelled
    /// The same, and the instance gets new configurations, which are drawn.
    case reconfigured
    /// Destroyed without a drain, after which the process ends as programs do.
    case abrupt

    /// Behind the words of a finding, which the usual life needs none of.
    var words: String {
        switch self {
        case .usual: ""
        case .bare: ", on a host that has only the services that the manifest requires"
        case .newer: ", on a host of a later version"
        case .configured: ", with drawn configurations"
        case .batched: ", called with batches"
        case .crowded: ", called on several threads at once"
        case .cancelled: ", with calls that are cancelled"
        case .reconfigured: ", with new configurations while calls are open"
        case .abrupt: ", at an end without a drain"
        }
    }

    var remedy: String {
        switch self {
        case .bare: "name the service in the manifest's `requires`, or do without it where `service` gives NULL"
        case .newer: "compare `size` with >=, and copy no more of a structure than the header knows"
        case .crowded: "protect what calls share, or say \"concurrency\": 1 in the manifest"
        case .cancelled: "take cancel on any thread, while handle runs and after the call was completed"
        case .reconfigured: "take a configuration while calls are open, or leave reconfigure out"
        default: ""
        }
    }
}
