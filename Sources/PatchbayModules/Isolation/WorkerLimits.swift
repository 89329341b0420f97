import CPatchbaySystem

/// What an isolated module may use, and see of the file system.
package struct WorkerLimits: Sendable, Equatable {
    /// Private memory of its process; 0 is no limit, here and below.
    package var memoryBytes = 0
    package var openFiles = 0
    /// Threads that the module starts itself.
    package var threads = 0
    /// Nanoseconds of processor time that one call may take.
    package var cpuNanoseconds: UInt64 = 0
    /// Files and folders that it may read, beside the system's libraries.
    package var readablePaths: [String] = []
    /// Files and folders that it may read, write, create and remove.
    package var writablePaths: [String] = []
    /// Whether the file system, the network and other processes are out of its reach but for what is granted.
    package var isConfined = true

    package init() {}

    /// As much as inline, in a process of its own.
    package static var unconfined: WorkerLimits {
        var limits = WorkerLimits()
        limits.isConfined = false
        return limits
    }
}

/// How a module's code is run.
package enum ModuleIsolation: Sendable, Equatable {
    /// In this process.
    case inline
    /// In a process of its own for each instance.
    case process(WorkerLimits)
}

/// When a worker that died is started again.
///
/// The first time at once; then, while no call is completed in between, after waits that double.
package struct RestartBackoff: Sendable, Equatable {
    /// Nanoseconds.
    static let first: UInt64 = 10_000_000
    static let most: UInt64 = 30_000_000_000

    /// Deaths since a call was last completed.
    private(set) var deaths = 0

    package init() {}

    /// How long to wait after a death, in nanoseconds. `succeeded`: whether a call was completed since the last one.
    package mutating func delay(succeeded: Bool) -> UInt64 {
        if succeeded { deaths = 0 }
        defer { deaths += 1 }
        guard deaths > 0 else { return 0 }
        let doublings = min(deaths - 1, 16)
        return min(Self.first << UInt64(doublings), Self.most)
    }
}
