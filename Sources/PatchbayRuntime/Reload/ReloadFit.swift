import PatchbayConfiguration
import PatchbayRouting

/// What of a changed configuration a running host can take. A pure judgement: nothing is loaded or changed.
struct ReloadFit: Equatable {
    /// Paths that only a restart changes; with any, nothing is taken.
    var refused: [String] = []
    /// Which events go where, or what happens to those that nobody takes.
    var changesRouting = false
    /// Anything at all, tests and modules aside.
    var isSame = true

    /// Of a route: what decides whether it takes an event. The rest belongs to deliveries that are under way.
    private static let matching: Set<String> = ["order", "priority", "type", "filters", "match", "to", "final"]
    private static let keys: Set<String> = ["ordering.key", "dedup.key"]

    /// - Parameters:
    ///   - present: what holds now.
    ///   - lanes: by route of the blueprint that the run began with, the lanes that its deliveries may have; `next` is
    ///     compiled to keep its indices.
    init(
        from present: Configuration, to next: Configuration, compiled: Blueprint, first: Blueprint
    ) {
        for path in EffectiveConfiguration(next).differences(from: EffectiveConfiguration(present)) {
            let parts = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
            if parts[0] == "modules", parts.last?.hasSuffix("#order") == true { continue }
            switch parts[0] {
            case "tests": continue
            case "modules" where parts.count > 1 && parts[1] == "functions": refused.append(path)
            case "modules" where parts.count > 2 && Self.isBuiltin(parts[2], present, next): refused.append(path)
            case "modules", "shutdown": break
            case "reload" where parts.last == "moduleDrain": break
            case "unmatched", "routes#order": changesRouting = true
            case "routes":
                changesRouting = true
                if parts.count > 2, !Self.takes(parts.dropFirst(2)) { refused.append(path) }
                if parts.count == 1 { refused.append(path) }
                if parts.count == 2, !Self.isRemoved(parts[1], next),
                    !first.table.routes.contains(where: { $0.name == parts[1] })
                {
                    refused.append("\(path) (a new route)")
                }
            default: refused.append(path)
            }
            isSame = false
        }
        // A handler under a bulkhead and a batching that the run has not, or not for this route.
        for (index, route) in compiled.table.routes.enumerated() where index < first.table.routes.count {
            for lane in compiled.lanes(ofRoute: index) where !first.lanes(ofRoute: index).contains(lane) {
                refused.append("routes.\(route.name).to (\(compiled.lanes[lane].name) is new there)")
            }
        }
    }

    private static func takes(_ path: ArraySlice<String>) -> Bool {
        matching.contains(path.first ?? "") || keys.contains(path.joined(separator: "."))
    }

    private static func isBuiltin(_ name: String, _ present: Configuration, _ next: Configuration) -> Bool {
        (present.modules.load + next.modules.load).contains { $0.name == name && $0.builtin != nil }
    }

    private static func isRemoved(_ name: String, _ next: Configuration) -> Bool {
        !next.routes.contains { $0.name == name }
    }
}
