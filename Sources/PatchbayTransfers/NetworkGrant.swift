/// Which services a module may reach: those that its manifest names and the configuration grants.
///
/// Both are lists of `host`, `host:port`, `*.example.com` (any number of labels before it) and `*`.
package struct NetworkGrant: Sendable, Equatable {
    private let declared: [String]
    private let granted: [String]

    package init(declared: [String], granted: [String]) {
        self.declared = declared.map { $0.lowercased() }
        self.granted = granted.map { $0.lowercased() }
    }

    /// Throws who does not let a module reach `service`, and what to do about it.
    package func check(_ service: ServiceAddress) throws(TransferError) {
        guard declared.contains(where: { Self.matches($0, service) }) else {
            throw TransferError(
                "the module's manifest does not name \(service.host):\(service.port) under `capabilities.network`")
        }
        guard granted.contains(where: { Self.matches($0, service) }) else {
            throw TransferError(
                "the configuration does not let this module reach \(service.host):\(service.port): add "
                    + "`grant: {network: [\"\(service.host)\"]}` to its entry in modules.load")
        }
    }

    /// Whether a manifest that names `declared` can make use of the grant of `pattern`.
    package static func covers(_ declared: [String], _ pattern: String) -> Bool {
        let pattern = pattern.lowercased()
        return declared.contains { entry in
            let entry = entry.lowercased()
            if entry == "*" || pattern == "*" || entry == pattern { return true }
            let (host, port) = split(pattern)
            let (name, itsPort) = split(entry)
            guard port == nil || itsPort == nil || port == itsPort else { return false }
            return matches(name, host: host) || matches(host, host: name)
        }
    }

    private static func matches(_ pattern: String, _ service: ServiceAddress) -> Bool {
        let (name, port) = split(pattern)
        return (port == nil || port == service.port) && matches(name, host: service.host)
    }

    private static func matches(_ name: String, host: String) -> Bool {
        name == "*" || name == host || (name.hasPrefix("*.") && host.hasSuffix(name.dropFirst()))
    }

    /// Name and port; the colons of an address of version 6 are inside its brackets.
    private static func split(_ pattern: String) -> (name: String, port: String?) {
        guard let colon = pattern.lastIndex(of: ":"), !pattern[colon...].contains("]") else { return (pattern, nil) }
        return (String(pattern[..<colon]), String(pattern[pattern.index(after: colon)...]))
    }
}
