import PatchbayConfiguration

@testable import PatchbayRuntime

/// A configuration, compiled, and the text by which the log knows it: of a host, its hash.
struct Compiled {
    let blueprint: Blueprint
    let fingerprint: String
    var configuration: Configuration { blueprint.configuration }
}

/// The configurations of a run, each compiled once.
final class Configurations {
    private struct Key: Hashable {
        var first: Int?
        var rawValue: Int
    }

    private let scenario: Scenario
    private var known: [Key: Compiled] = [:]

    init(_ scenario: Scenario) { self.scenario = scenario }

    /// What a process begins with.
    func first(_ variation: Variation) throws -> Compiled {
        try compiled(Key(first: nil, rawValue: variation.rawValue)) { try scenario.blueprint(variation) }
    }

    /// What a process that began with `first` may take over.
    func changed(to variation: Variation, from first: Variation) throws -> Compiled {
        let kept = try self.first(first).blueprint
        return try compiled(Key(first: first.rawValue, rawValue: variation.rawValue)) {
            try scenario.blueprint(variation, keeping: kept)
        }
    }

    private func compiled(_ key: Key, _ make: () throws -> Blueprint) throws -> Compiled {
        if let compiled = known[key] { return compiled }
        // The host hashes the whole configuration, which takes longer than all the rest of a reload.
        let compiled = Compiled(blueprint: try make(), fingerprint: "configuration \(key.rawValue)")
        known[key] = compiled
        return compiled
    }
}
