import Logging
import PatchbayModules

extension ModuleCatalogue {
    /// Says which files are not used, and what their owner should know about the others.
    func report(to logger: Logger) {
        for rejection in scan.rejections { logger.warning("module refused: \(rejection)") }
        for warning in scan.warnings + scan.accepted.flatMap(\.warnings) { logger.warning("module: \(warning)") }
    }
}
