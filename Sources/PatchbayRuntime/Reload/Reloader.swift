import Logging
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayModules
import PatchbayRouting
import Synchronization

/// Takes a changed configuration file over while the host runs: as a whole, or not at all. On the keeper's thread, so that
/// it and changes of versions follow one another.
final class Reloader: Sendable {
    private struct State {
        /// What holds now.
        var configuration: Configuration
        /// What lay there when the file was read last, whether it was taken over or not.
        var scan: ModuleScan
        var counts = ReloadCounts()
    }

    /// Gives a configuration's fingerprint a number in the log, on disk.
    typealias Naming = @Sendable (_ fingerprint: String) throws(VersionError) -> UInt16

    let path: String
    private let inputs: ConfigurationInputs
    private let libraries: FunctionLibraries
    /// Stays out of the host's process for the whole run.
    private let crashed: CrashedCode
    private let first: Blueprint
    private let seed: UInt64
    private let live: LiveRouting
    private let keeper: VersionKeeper
    private let logger: Logger
    private let state: Mutex<State>
    /// With a log in files, once it is open.
    private let naming = Mutex<Naming?>(nil)

    init(
        _ preparation: Preparation, first: Blueprint, seed: UInt64, live: LiveRouting, keeper: VersionKeeper,
        logger: Logger
    ) {
        path = preparation.path
        inputs = preparation.inputs
        libraries = preparation.libraries
        crashed = preparation.crashed
        self.first = first
        self.seed = seed
        self.live = live
        self.keeper = keeper
        self.logger = logger
        state = Mutex(State(configuration: preparation.configuration, scan: preparation.catalogue.scan))
    }

    /// What holds now.
    var configuration: Configuration { state.withLock { $0.configuration } }
    var counts: ReloadCounts { state.withLock { $0.counts } }

    func name(with naming: @escaping Naming) { self.naming.withLock { $0 = naming } }

    /// Reads the file, checks all of it, and takes it over; logs and counts what became of it. [any thread but the
    /// keeper's]
    ///
    /// - Returns: as a failure what is wrong with the file, or what of it only a restart changes; everything stays as it
    ///   was then.
    @discardableResult func reload(by who: String) -> Result<ReloadChange, VersionError> {
        do throws(VersionError) {
            let change = try keeper.ask { [self] (work) throws(VersionError) in try perform(&work, who) }
            if change.isChanged { state.withLock { $0.counts.done += 1 } }
            logger.notice("reload by \(who): \(change.summary)")
            return .success(change)
        } catch {
            state.withLock { $0.counts.refused += 1 }
            logger.error("reload by \(who): everything stays as it was: \(error)")
            return .failure(error)
        }
    }

    // MARK: The keeper's thread

    private func perform(_ work: inout VersionWork, _ who: String) throws(VersionError) -> ReloadChange {
        let present = configuration
        let preparation = try prepare()
        let known = state.withLock { state in
            defer { state.scan = preparation.catalogue.scan }
            return state.scan
        }
        preparation.catalogue.report(to: logger, after: known)
        let next = preparation.configuration
        let compiled: Blueprint
        do throws(BlueprintError) {
            compiled = try Blueprint(next, seed: seed, keeping: first)
        } catch {
            throw VersionError("\(error)")
        }
        let fit = ReloadFit(from: present, to: next, compiled: compiled, first: first)
        guard fit.refused.isEmpty else {
            throw VersionError("only a restart changes \(fit.refused.joined(separator: ", "))")
        }
        var change = ReloadChange(
            from: EffectiveConfiguration(present).fingerprint, to: EffectiveConfiguration(next).fingerprint)
        var modules = try work.prepare(preparation)
        do throws(VersionError) {
            change.isRoutingChanged = fit.changesRouting
            change.isChanged = !fit.isSame || !modules.isEmpty
            let number = change.isRoutingChanged ? try number(of: change.to) : live.current.routing.configuration
            change.reconfigured = try work.reconfigure(&modules)
            let made = modules.made
            // What does not take over is destroyed there.
            modules.made = []
            change.versions = try work.enact(made, isWatched: true, by: who)
            if change.isRoutingChanged {
                live.change(
                    to: Routing(
                        table: compiled.table, plan: compiled.plan, unmatched: Host.unmatched(next.unmatched),
                        configuration: number))
            }
        } catch {
            work.undo(modules)
            throw error
        }
        work.adopt(preparation)
        state.withLock { $0.configuration = next }
        return change
    }

    private func prepare() throws(VersionError) -> Preparation {
        do throws(ConfigurationErrors) {
            return try Preparation(path: path, inputs: inputs, libraries: libraries).isolating(crashed)
        } catch {
            throw VersionError(error.errors.map { "\($0)" }.joined(separator: "\n"))
        }
    }

    private func number(of fingerprint: String) throws(VersionError) -> UInt16? {
        try naming.withLock { $0 }.map { (naming) throws(VersionError) in try naming(fingerprint) }
    }
}
