import CPatchbaySystem
import Logging
import PatchbayDispatch
import PatchbayEvents
import PatchbayModules
import Synchronization

/// Versions that have a share of the calls.
extension VersionWork {
    /// Gives another file a share.
    mutating func begin(
        _ next: ModuleCatalogue.Instance, in present: ModuleVersion, _ wish: CanaryWish, by who: String
    ) throws(VersionError) -> VersionChange {
        let version = try make(next, in: present)
        let replacement: Replacement
        do throws(ReplacementError) {
            replacement = try keeper.dispatcher.share(
                wish.share, with: version.handlers.map(\.handler), bell: keeper.bell)
        } catch {
            keeper.handlers.destroy(version)
            throw VersionError(error.description)
        }
        keeper.handlers.add(version)
        canaries.append(
            Canary(
                present: present, version: version, wish: wish, replacement: replacement, startedAt: pbs_now()))
        publish()
        let name = next.name
        keeper.logger.notice(
            "\(name) runs \(version.name.text) for \(wish.share) of 10000 calls, beside \(present.name.text), by \(who)",
            metadata: ["file": "\(next.file.path)"])
        return VersionChange(
            instance: name, handlers: version.handlers.map(\.scope.handler), from: present.name, to: version.name,
            openBefore: 0, share: wish.share)
    }

    /// Gives it all calls, or none.
    mutating func conclude(_ canary: Canary, promotes: Bool, by who: String) throws(VersionError) -> VersionChange {
        let replacement: Replacement
        do throws(ReplacementError) {
            replacement = try keeper.dispatcher.conclude(canary.replacement, promotes: promotes, bell: keeper.bell)
        } catch {
            throw VersionError(error.description)
        }
        canaries.removeAll { $0.replacement === canary.replacement }
        publish()
        if promotes { return follow(canary.present, canary.version, replacement, isWatched: false, by: who) }
        replacement.unwatch()
        let change = VersionChange(
            instance: canary.present.instance.name, handlers: canary.version.handlers.map(\.scope.handler),
            from: canary.version.name, to: canary.present.name, openBefore: replacement.progress.openBefore)
        let patience = keeper.book.withLock { book in
            book.counts.changes += 1
            return book.patience
        }
        keeper.logger.notice(
            "\(change.instance) runs \(change.to.text) alone, without the canary \(change.from.text), changed by \(who)"
        )
        retire(canary.version, replacement, patience)
        return change
    }

    /// Promotes or takes back what has shown itself. True while there are any.
    mutating func watchCanaries() -> Bool {
        guard !canaries.isEmpty else { return false }
        for canary in canaries {
            let progress = canary.replacement.progress
            guard !progress.isOver else { continue }
            let verdict = canary.wish.rule.verdict(
                canary: progress.since, beside: progress.before, elapsed: pbs_now() &- canary.startedAt)
            let name = "\(canary.present.instance.name) \(canary.version.name.text)"
            do throws(VersionError) {
                switch verdict {
                case .undecided: continue
                case .promote:
                    _ = try conclude(canary, promotes: true, by: "the host")
                    keeper.logger.notice("\(name) has shown itself as good as the version beside it")
                case .takeBack(let reason):
                    _ = try conclude(canary, promotes: false, by: "the host")
                    keeper.book.withLock { $0.counts.rollbacks += 1 }
                    keeper.logger.error("\(name) was taken back: \(reason)")
                }
            } catch {
                keeper.logger.error("\(name): \(error)")
            }
        }
        publish()
        return !canaries.isEmpty
    }

    /// For whoever asks what runs.
    private func publish() {
        var running: [String: RunningCanary] = [:]
        for canary in canaries {
            let progress = canary.replacement.progress
            running[canary.present.instance.name] = RunningCanary(
                name: canary.version.name, share: canary.wish.share, ended: progress.since.ended,
                failed: progress.since.failed, endedBeside: progress.before.ended,
                failedBeside: progress.before.failed)
        }
        keeper.book.withLock { [running] in $0.canaries = running }
    }
}
