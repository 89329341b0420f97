import PatchbayConfiguration
import PatchbayTransfers

extension ConnectionWays {
    /// What `policies.connectionPools` says.
    init(_ table: Configuration.Table<Configuration.ConnectionPoolPolicy>) {
        self.init()
        usual = ConnectionWay(table.policy("default"))
        for policy in table.entries {
            for host in policy.hosts { byHost[host.lowercased()] = ConnectionWay(policy) }
        }
    }
}

extension ConnectionWay {
    fileprivate init(_ policy: Configuration.ConnectionPoolPolicy) {
        self.init()
        pool.min = policy.min
        pool.max = policy.max
        pool.acquireTimeout = UInt64(policy.acquireTimeoutMillis) * 1_000_000
        pool.idleTimeout = policy.idleTimeout.nanosecondsForClock
        connectTimeout = policy.connectTimeout.nanosecondsForClock
        caFile = policy.caFile
    }
}
