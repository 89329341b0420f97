package import PatchbayEvents

/// What a module says of itself, version 1: read from its file, before any of its code runs.
package struct Manifest: Sendable, Equatable {
    /// The language runtime that the module brings or needs: lowercase, open-ended.
    package struct Runtime: Sendable, Hashable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let c = Runtime(rawValue: "c")
        package static let cpp = Runtime(rawValue: "cpp")
        package static let rust = Runtime(rawValue: "rust")
        package static let swift = Runtime(rawValue: "swift")
    }

    /// Whether that runtime is a library of the machine's or part of the module.
    package enum Linkage: String, Sendable, CaseIterable {
        case shared, `static`
    }

    /// One handler that the module offers.
    package struct Handler: Sendable, Equatable {
        /// Unique in the module: lowercase letters, digits, `_` and `-`.
        package var id: String
        package var description: String
        /// Type patterns of the events that it takes; empty: it does not say.
        package var accepts: [String]
        /// Type patterns of the events that it emits; empty: it does not say.
        package var emits: [String]
        /// How many calls may be in `handle` at once; 0 is unlimited by the module.
        package var concurrency: Int
        /// `false` promises to return promptly.
        package var blocking: Bool
        /// The most events that one `handle_batch` takes; `nil`: it has none.
        package var batchMax: Int?
        /// JSON Schema 2020-12 of its configuration; `nil`: an object without keys.
        package var configSchema: Value?
    }

    /// The ABI major and minor that it was built with.
    package var abiMajor: UInt32
    package var abiMinor: UInt32
    /// Lowercase letters, digits, `_` and `-`; what stands before the dot in `billing.charge`.
    package var name: String
    /// The module's own, a semantic version.
    package var version: String
    package var description: String
    package var runtime: Runtime
    /// The compiler's version for Swift, such as `6.3.1`; may be empty for others.
    package var runtimeVersion: String
    package var linkage: Linkage
    /// Ids of host services, unique, without which it does not run, such as `patchbay.http/1`.
    package var requires: [String]
    /// Hosts that it talks to, as `NetworkGrant` has them; through the host's services it reaches no others.
    package var network: [String]
    /// Files and folders that it says it touches. Declared, not enforced.
    package var files: [String]
    /// In the manifest's order; ids are unique. Empty for a module of components only.
    package var handlers: [Handler]
    /// The whole manifest, with the keys that this version does not know.
    package var source: Value

    package func handler(_ id: String) -> Handler? { handlers.first { $0.id == id } }
}
