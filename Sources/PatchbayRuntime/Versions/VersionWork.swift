import CPatchbaySystem
import Logging
import PatchbayDispatch
import PatchbayEvents
import PatchbayModules
import PatchbayResilience
import Synchronization

/// What the keeper's thread does, and what it has under way.
struct VersionWork: ~Copyable {
    /// A new version that is watched.
    private struct Trial {
        let version: ModuleVersion
        let replacement: Replacement
        let startedAt: UInt64

        var instance: String { version.instance.name }
    }

    /// A version that has a share of the calls.
    struct Canary {
        let present: ModuleVersion
        let version: ModuleVersion
        let wish: CanaryWish
        let replacement: Replacement
        let startedAt: UInt64
    }

    let keeper: VersionKeeper
    private var trials: [Trial] = []
    /// At most one an instance.
    var canaries: [Canary] = []
    private var retiring: [Retirement] = []

    init(keeper: VersionKeeper) { self.keeper = keeper }

    // MARK: Changes

    mutating func promote(
        _ path: String, instance name: String?, isWatched: Bool, canary wish: CanaryWish?, by who: String
    ) throws(VersionError) -> VersionChange {
        // Whose it is decides how it is judged: a worker takes what this process cannot.
        var file = try inspect(path, for: .worker)
        let present = try version(of: name, for: file)
        if present.instance.isolation == .inline { file = try inspect(path, for: HostProfile()) }
        guard present.instance.file.contentHash != file.contentHash else {
            throw VersionError("\(path): '\(present.instance.name)' runs this very file already")
        }
        if let canary = canaries.first(where: { $0.present.instance.name == present.instance.name }) {
            guard wish == nil, canary.version.instance.file.contentHash == file.contentHash else {
                throw VersionError(
                    "'\(present.instance.name)' has a canary, \(canary.version.name.text): promote its file, or roll back"
                )
            }
            return try conclude(canary, promotes: true, by: who)
        }
        var next = present.instance
        next.file = file
        if let wish { return try begin(next, in: present, wish, by: who) }
        return try change(present, to: next, isWatched: isWatched, by: who)
    }

    mutating func rollback(_ name: String, by who: String) throws(VersionError) -> VersionChange {
        let present = try version(named: name)
        if let canary = canaries.first(where: { $0.present.instance.name == name }) {
            return try conclude(canary, promotes: false, by: who)
        }
        guard let previous = keeper.book.withLock({ $0.previous[name] }) else {
            throw VersionError("'\(name)' has had no other version in this run")
        }
        return try change(present, to: previous, isWatched: false, by: who)
    }

    private mutating func change(
        _ present: ModuleVersion, to next: ModuleCatalogue.Instance, isWatched: Bool, by who: String
    ) throws(VersionError) -> VersionChange {
        let version = try make(next, in: present)
        return try enact([(present, version)], isWatched: isWatched, by: who)[0]
    }

    /// Makes the handlers that are to take the place of an instance's. They take no calls yet.
    ///
    /// - Parameter pin: the SHA-256 that its file must have; `nil` is the present configuration's.
    mutating func make(
        _ next: ModuleCatalogue.Instance, in present: ModuleVersion, pin: String? = nil
    ) throws(VersionError) -> ModuleVersion {
        // A thread that is not joined keeps its stack.
        for retirement in retiring where retirement.isOver { retirement.join() }
        retiring.removeAll(where: \.isOver)
        guard retiring.count < VersionKeeper.retiringMax else {
            throw VersionError("\(retiring.count) earlier versions have not come to their end; try again later")
        }
        do throws(ModuleError) {
            try VersionFit.check(next.file, for: place(of: present, as: next, pin: pin))
            return try keeper.handlers.make(next, present.handlers.map(\.scope.handler))
        } catch {
            throw VersionError(error)
        }
    }

    /// Lets versions that were made take over, all at once.
    ///
    /// - Errors: the host ends. What was made is destroyed then.
    mutating func enact(
        _ made: [(present: ModuleVersion, next: ModuleVersion)], isWatched: Bool, by who: String
    ) throws(VersionError) -> [VersionChange] {
        let results = keeper.dispatcher.replace(
            together: made.map { $0.next.handlers.map(\.handler) }, bell: keeper.bell)
        var changes: [VersionChange] = []
        var failure: ReplacementError?
        for ((present, next), result) in zip(made, results) {
            switch result {
            case .success(let replacement):
                changes.append(follow(present, next, replacement, isWatched: isWatched, by: who))
            case .failure(let error):
                keeper.handlers.destroy(next)
                failure = error
            }
        }
        if let failure { throw VersionError(failure.description) }
        return changes
    }

    /// It has come about.
    mutating func follow(
        _ present: ModuleVersion, _ version: ModuleVersion, _ replacement: Replacement, isWatched: Bool,
        by who: String
    ) -> VersionChange {
        let name = present.instance.name
        keeper.handlers.install(version)
        trials.removeAll { $0.instance == name }
        if isWatched {
            trials.append(Trial(version: version, replacement: replacement, startedAt: pbs_now()))
        } else {
            version.hold()
            replacement.unwatch()
        }
        let watched = Set(trials.map(\.instance))
        let patience = keeper.book.withLock { book in
            book.previous[name] = present.instance
            book.trials = watched
            book.counts.changes += 1
            return book.patience
        }
        let change = VersionChange(
            instance: name, handlers: version.handlers.map(\.scope.handler), from: present.name, to: version.name,
            openBefore: replacement.progress.openBefore)
        keeper.logger.notice(
            "\(name) runs \(change.to.text) instead of \(change.from.text), changed by \(who)",
            metadata: ["file": "\(change.to.file)", "open": "\(change.openBefore)"])
        retire(present, replacement, patience)
        return change
    }

    /// A version that no new call runs comes to its end.
    mutating func retire(_ version: ModuleVersion, _ replacement: Replacement, _ patience: UInt64) {
        do throws(ThreadError) {
            retiring.append(
                try Retirement(
                    version, of: keeper.handlers, replacement, patience: patience, logger: keeper.logger))
        } catch {
            keeper.logger.error(
                "\(version.instance.name) \(version.name.text) is not destroyed before the end of the run: \(error)")
        }
    }

    // MARK: Trials

    /// Looks at new versions, and takes back those that fail. True while there are any.
    mutating func watch() -> Bool {
        for trial in trials {
            let progress = trial.replacement.progress
            let verdict = keeper.rule.verdict(
                before: progress.before, since: progress.since, elapsed: pbs_now() &- trial.startedAt)
            switch verdict {
            case .undecided where !progress.isOver: continue
            case .undecided: break
            case .stays: trial.version.hold()
            case .goesBack(let reason):
                if !takeBack(trial.instance, reason) { trial.version.hold() }
            }
            trial.replacement.unwatch()
            trials.removeAll { $0.replacement === trial.replacement }
        }
        let watched = Set(trials.map(\.instance))
        keeper.book.withLock { $0.trials = watched }
        return watchCanaries() || !trials.isEmpty
    }

    /// False when it stays, for lack of another.
    private mutating func takeBack(_ instance: String, _ reason: String) -> Bool {
        do throws(VersionError) {
            let change = try rollback(instance, by: "the host")
            keeper.book.withLock { $0.counts.rollbacks += 1 }
            keeper.logger.error("\(instance) \(change.from.text) was taken back: \(reason)")
            return true
        } catch {
            keeper.logger.critical("\(instance) fails and cannot be taken back (\(reason)): \(error)")
            return false
        }
    }

    /// Waits for what is under way. After the dispatcher's end.
    consuming func end() {
        for retirement in retiring { retirement.giveUp() }
    }

    // MARK: Private

    private func inspect(_ path: String, for profile: HostProfile) throws(VersionError) -> ModuleFile {
        switch ModuleScanner(profile: profile, trust: keeper.trust).inspect(file: path) {
        case .rejected(let error): throw VersionError(error)
        case .accepted(let file): return file
        }
    }

    private func version(named name: String) throws(VersionError) -> ModuleVersion {
        let present = keeper.handlers.present
        guard let version = present[name] else {
            let known = present.keys.sorted().joined(separator: ", ")
            throw VersionError(
                "no module instance '\(name)' takes events here; \(known.isEmpty ? "there is none" : "it has \(known)")"
            )
        }
        return version
    }

    /// The instance of that name; without one, the one instance of the file's module.
    private func version(of name: String?, for file: ModuleFile) throws(VersionError) -> ModuleVersion {
        if let name { return try version(named: name) }
        let module = file.manifest.name
        let found = keeper.handlers.present.values.filter { $0.instance.file.manifest.name == module }
        if found.count == 1 { return found[0] }
        let names = found.map(\.instance.name).sorted().joined(separator: ", ")
        throw VersionError(
            found.isEmpty
                ? "\(file.path): no instance of the module '\(module)' takes events here"
                : "\(file.path): the module '\(module)' runs as \(names); say which one with --instance")
    }

    private func place(
        of version: ModuleVersion, as next: ModuleCatalogue.Instance, pin: String?
    ) -> VersionFit.Place {
        let lanes = keeper.dispatcher.plan.lanes
        let callsMax = version.handlers.map { handler in
            let calls = lanes.filter { $0.handler.name == handler.scope.name }.map {
                $0.adaptive?.max ?? $0.maxInFlight
            }
            return (handler: handler.scope.handler, calls: calls.max() ?? 1)
        }
        var instance = next
        instance.file = version.instance.file
        return VersionFit.Place(
            instance: instance, callsMax: callsMax,
            pin: pin ?? keeper.book.withLock { $0.pins[next.name] } ?? "")
    }
}
