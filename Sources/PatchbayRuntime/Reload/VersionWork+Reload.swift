import Logging
import PatchbayConfiguration
import PatchbayEvents
import PatchbayModules
import Synchronization

/// What of a changed configuration concerns modules that run.
struct ModuleChanges {
    /// Instances whose file has changed, and what is to take their place.
    var made: [(present: ModuleVersion, next: ModuleVersion)] = []
    /// Instances whose configuration alone has changed.
    var configured: [(present: ModuleVersion, next: ModuleCatalogue.Instance)] = []
    /// Those of them that have taken it.
    var done: [(present: ModuleVersion, next: ModuleCatalogue.Instance)] = []

    var isEmpty: Bool { made.isEmpty && configured.isEmpty && done.isEmpty }
}

extension VersionWork {
    /// Makes what a configuration wants of the modules that run, beside what is there. What was promoted by hand stays
    /// until the file changes that the configuration names.
    mutating func prepare(_ preparation: Preparation) throws(VersionError) -> ModuleChanges {
        var changes = ModuleChanges()
        let known = keeper.book.withLock { $0.configured }
        let pins = Dictionary(
            preparation.configuration.modules.load.map { ($0.name, $0.sha256) }, uniquingKeysWith: { first, _ in first }
        )
        do throws(VersionError) {
            for present in keeper.handlers.present.values.sorted(by: { $0.instance.name < $1.instance.name }) {
                let name = present.instance.name
                guard var next = preparation.catalogue.instances[name] else {
                    throw VersionError("only a restart changes modules.\(name), which is no module any more")
                }
                let hash = next.file.contentHash
                if hash == known[name] || hash == present.instance.file.contentHash {
                    next.file = present.instance.file
                    let isElsewhere =
                        next.network != present.instance.network || next.isolation != present.instance.isolation
                    guard next.config != present.instance.config || isElsewhere else { continue }
                    try checkAlone(present)
                    if !isElsewhere {
                        changes.configured.append((present, next))
                        continue
                    }
                }
                try checkAlone(present)
                changes.made.append((present, try make(next, in: present, pin: pins[name] ?? "")))
            }
        } catch {
            undo(changes)
            throw error
        }
        return changes
    }

    /// Of two versions that share an instance's calls nobody knows which one is to change.
    private func checkAlone(_ present: ModuleVersion) throws(VersionError) {
        guard canaries.contains(where: { $0.present.instance.name == present.instance.name }) else { return }
        throw VersionError("'\(present.instance.name)' has a canary: promote it or roll it back first")
    }

    /// Gives running instances their new configuration; one that does not take it gets a second instance, which is
    /// among `made` then. The names of those that took it.
    mutating func reconfigure(_ changes: inout ModuleChanges) throws(VersionError) -> [String] {
        for (present, next) in changes.configured {
            if takes(present, next) {
                changes.done.append((present, next))
            } else {
                changes.made.append((present, try make(next, in: present)))
            }
        }
        changes.configured = []
        for (present, next) in changes.done {
            keeper.handlers.install(ModuleVersion(instance: next, handlers: present.handlers))
        }
        return changes.done.map(\.next.name)
    }

    /// Puts back what was begun.
    func undo(_ changes: ModuleChanges) {
        for (_, next) in changes.made { keeper.handlers.destroy(next) }
        for (present, _) in changes.done {
            keeper.handlers.install(present)
            if !takes(present, present.instance) {
                keeper.logger.critical(
                    "\(present.instance.name) took a configuration that is not in force, and keeps it")
            }
        }
    }

    /// The configuration is in force.
    func adopt(_ preparation: Preparation) {
        let hashes = preparation.catalogue.instances.mapValues(\.file.contentHash)
        keeper.book.withLock { book in
            for name in book.configured.keys { book.configured[name] = hashes[name] ?? book.configured[name] }
            book.read(preparation.configuration)
        }
    }

    /// All handlers of an instance take a configuration, or those that did have their own again.
    private func takes(_ version: ModuleVersion, _ instance: ModuleCatalogue.Instance) -> Bool {
        for (index, handler) in version.handlers.enumerated() {
            do throws(ModuleError) {
                try handler.reconfigure(instance.config.value, shown: instance.shown)
            } catch {
                keeper.logger.info("\(error)")
                for earlier in version.handlers[..<index] {
                    do throws(ModuleError) {
                        try earlier.reconfigure(version.instance.config.value, shown: version.instance.shown)
                    } catch {
                        keeper.logger.error("\(error)")
                    }
                }
                return false
            }
        }
        return true
    }
}
