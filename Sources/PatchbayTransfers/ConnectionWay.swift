/// How services are reached: a pool's settings, and what else a connection needs.
package struct ConnectionWay: Sendable, Equatable {
    package var pool = ConnectionPools.Settings()
    /// Nanoseconds.
    package var connectTimeout: UInt64 = 10_000_000_000
    /// Certificates to trust in PEM; empty: the system's.
    package var caFile = ""

    package init() {}
}

/// The ways to services by host.
package struct ConnectionWays: Sendable, Equatable {
    /// To hosts that have none of their own.
    package var usual = ConnectionWay()
    /// By `host` or `host:port`, in lowercase.
    package var byHost: [String: ConnectionWay] = [:]

    package init() {}

    package subscript(service: ServiceAddress) -> ConnectionWay {
        byHost["\(service.host):\(service.port)"] ?? byHost[service.host] ?? usual
    }
}
