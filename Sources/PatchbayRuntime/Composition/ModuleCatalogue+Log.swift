import Logging
import PatchbayModules

extension ModuleCatalogue {
    /// Says which files are not used, and what their owner should know about the others.
    ///
    /// - Parameter known: what an earlier scan found is not said again.
    func report(to logger: Logger, after known: ModuleScan = ModuleScan()) {
        for rejection in scan.rejections where !known.rejections.contains(rejection) {
            logger.warning("module refused: \(rejection)")
        }
        let before = known.allWarnings
        for warning in scan.allWarnings where !before.contains(warning) { logger.warning("module: \(warning)") }
    }
}

extension ModuleScan {
    fileprivate var allWarnings: [ModuleWarning] { warnings + accepted.flatMap(\.warnings) }
}
