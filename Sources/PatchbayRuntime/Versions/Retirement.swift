import CPatchbaySystem
import Glibc
import Logging
import PatchbayDispatch
import PatchbayEvents
import PatchbayModules
import Synchronization

/// The end of a version that takes no new calls: it is drained, its open calls end, its handlers are destroyed. On a
/// thread of its own, since a module may take its time.
final class Retirement: Sendable {
    private let version: ModuleVersion
    private let handlers: HandlerSet
    private let replacement: Replacement
    private let logger: Logger
    private let hasEnded = Atomic<Bool>(false)
    private let isGivenUp = Atomic<Bool>(false)
    private let thread = Mutex<OwnThread?>(nil)

    /// - Parameter patience: nanoseconds after which it is said that calls are still open.
    init(
        _ version: ModuleVersion, of handlers: HandlerSet, _ replacement: Replacement, patience: UInt64, logger: Logger
    ) throws(ThreadError) {
        self.version = version
        self.handlers = handlers
        self.replacement = replacement
        self.logger = logger
        let started = try OwnThread("pb-retire") { [self] in
            run(patience: patience)
            hasEnded.store(true, ordering: .releasing)
        }
        thread.withLock { $0 = started }
    }

    var isOver: Bool { hasEnded.load(ordering: .acquiring) }

    /// Waits for its end.
    func join() { thread.withLock { $0.take() }?.join() }

    /// The run ends: what has not come to its end is left to the host. Waits for what the module is in. After the
    /// dispatcher's end.
    func giveUp() {
        isGivenUp.store(true, ordering: .releasing)
        join()
    }

    // MARK: Thread

    private func run(patience: UInt64) {
        let name = "\(version.instance.name) \(version.name.text)"
        let deadline = pbs_now().addingReportingOverflow(patience).partialValue
        for handler in version.handlers {
            do throws(ModuleError) {
                try handler.drain(deadline: deadline)
            } catch {
                logger.error("\(error)")
            }
        }
        var progress = replacement.waitUntilRetired(until: deadline)
        if !progress.isRetired, !progress.isOver {
            logger.warning(
                "\(name) has taken no new call for \(patience / 1_000_000_000) s, and \(progress.openBefore) are still open: it stays until they end"
            )
            progress = replacement.waitUntilRetired(until: .max)
        }
        // At the end of a run the host destroys what is left, once nothing calls it.
        guard progress.isRetired, waitForAnswers() else { return }
        handlers.destroy(version)
        logger.info("\(name) has ended its calls and is gone")
    }

    /// Requests of calls that have ended may be under way; each has its deadline. False when the run ends before.
    private func waitForAnswers() -> Bool {
        while version.handlers.contains(where: \.awaitsAnswers) {
            if isGivenUp.load(ordering: .acquiring) { return false }
            usleep(5_000)
        }
        return true
    }
}
