import PatchbayModules

/// A module instance as it runs: a file, a configuration, and the handlers of it that routes use.
struct ModuleVersion: Sendable {
    let instance: ModuleCatalogue.Instance
    let handlers: [LoadedHandler]

    var name: VersionName { VersionName(instance.file) }

    /// It is the one that holds: what its handlers wanted of subscriptions while they were created comes about.
    func hold() { for handler in handlers { handler.hold() } }
}

/// What tells one version of a module from another, for people and scripts.
package struct VersionName: Sendable, Equatable {
    /// As the manifest says.
    package var version: String
    /// Of the file, in hexadecimal.
    package var sha256: String
    package var file: String

    package init(version: String, sha256: String, file: String) {
        self.version = version
        self.sha256 = sha256
        self.file = file
    }

    init(_ file: ModuleFile) {
        self.init(version: file.manifest.version, sha256: file.contentHash.hex, file: file.path)
    }

    /// `2.1.0 (9f86d081884c)`.
    package var text: String { "\(version) (\(sha256.prefix(12)))" }
}

/// A module instance of a running host.
package struct RunningVersion: Sendable, Equatable {
    package var instance: String
    package var module: String
    package var handlers: [String]
    package var present: VersionName
    /// What `rollback` would go back to; `nil` is none.
    package var previous: VersionName?
    /// The present one is still watched, and goes back by itself when its calls fail.
    package var isOnTrial = false
    /// Another one that has a share of the calls.
    package var canary: RunningCanary?
}

/// A version that has a share of an instance's calls.
package struct RunningCanary: Sendable, Equatable {
    package var name: VersionName
    /// Of 10,000 calls.
    package var share: UInt32
    /// Of its calls, and of those of the version beside it since then.
    package var ended: UInt64
    package var failed: UInt64
    package var endedBeside: UInt64
    package var failedBeside: UInt64
}

/// A share of the calls for another version.
package struct CanaryWish: Sendable, Equatable {
    /// Of 10,000.
    package var share: UInt32
    /// What becomes of it by itself.
    package var rule: CanaryRule

    package init(share: UInt32, rule: CanaryRule) {
        self.share = share
        self.rule = rule
    }
}

/// A change of version that came about.
package struct VersionChange: Sendable, Equatable {
    package var instance: String
    package var handlers: [String]
    package var from: VersionName
    package var to: VersionName
    /// Calls that were open at that moment, and end in the version before.
    package var openBefore: Int
    /// `to` has this share of 10,000 calls, and `from` the rest; 0 is all.
    package var share: UInt32 = 0
}

/// Changes of versions in a run.
package struct VersionCounts: Sendable, Equatable {
    /// That came about, each way.
    package var changes: UInt64 = 0
    /// That did not.
    package var refused: UInt64 = 0
    /// That the host undid by itself; part of `changes`.
    package var rollbacks: UInt64 = 0
    /// Module files that are in memory and that no handler uses any more.
    package var unused = 0
    /// Bytes of these files.
    package var unusedBytes: UInt64 = 0
}

/// Why a module runs on as it is.
package struct VersionError: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(_ text: String) { description = text }
    init(_ error: ModuleError) { description = "\(error)" }
}
