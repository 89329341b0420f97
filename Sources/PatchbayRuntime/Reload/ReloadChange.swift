/// A configuration that a running host took over.
package struct ReloadChange: Sendable, Equatable {
    /// Fingerprints, as `EffectiveConfiguration` has them.
    package var from: String
    package var to: String
    /// Who gets which events was changed.
    package var isRoutingChanged = false
    /// Modules that run another file, or the same with another configuration in a second instance.
    package var versions: [VersionChange] = []
    /// Instances that took another configuration while they run.
    package var reconfigured: [String] = []
    /// There was something to change, be it only how the host ends.
    package var isChanged = false

    package init(from: String, to: String) {
        self.from = from
        self.to = to
    }

    /// For the log and for people.
    package var summary: String {
        guard isChanged else { return "nothing has changed" }
        var parts: [String] = []
        if isRoutingChanged { parts.append("routes") }
        if !versions.isEmpty { parts.append("modules \(versions.map(\.instance).joined(separator: ", "))") }
        if !reconfigured.isEmpty { parts.append("configuration of \(reconfigured.joined(separator: ", "))") }
        return "configuration \(to) instead of \(from)" + (parts.isEmpty ? "" : ": \(parts.joined(separator: "; "))")
    }
}

/// Reloads in a run.
package struct ReloadCounts: Sendable, Equatable {
    package var done: UInt64 = 0
    /// That left everything as it was: the file is wrong, or something only a restart changes.
    package var refused: UInt64 = 0

    package init() {}
}
