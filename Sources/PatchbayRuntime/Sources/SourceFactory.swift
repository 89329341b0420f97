import CPatchbaySystem
import Logging
import PatchbayConfiguration

/// Makes the sources that the configuration names.
enum SourceFactory {
    /// With `once`, sources without an end are left out.
    static func sources(_ configuration: Configuration, once: Bool, logger: Logger) -> [any EventSource] {
        var made: [any EventSource] = []
        for source in configuration.sources {
            switch source.type {
            case .file: made.append(StreamSource(name: source.name, path: source.path, format: format(source)))
            case .directory:
                made.append(
                    DirectorySource(
                        name: source.name, path: source.path, pattern: source.pattern, done: source.done,
                        format: format(source), once: once, logger: logger))
            case .timer:
                if once {
                    logger.notice("source \(source.name) has no end, so --once leaves it out")
                } else {
                    made.append(TimerSource(source, logger: logger))
                }
            case .stdin: made.append(StreamSource(name: source.name, path: nil, format: format(source)))
            case .socket:
                if once {
                    logger.notice("source \(source.name) has no end, so --once leaves it out")
                } else {
                    made.append(SocketSource(name: source.name, path: source.path))
                }
            }
        }
        return made
    }

    /// Ids of plain JSON lines are `name:line`; those of standard input also name the moment, since its lines are
    /// others every time.
    private static func format(_ source: Configuration.Source) -> LineFormat {
        switch source.format {
        case .cloudevents: return .cloudevents
        case .json:
            let moment = source.type == .stdin ? "\(pbs_unix_now() / 1_000_000):" : ""
            return .json(type: source.eventType, source: source.source, idPrefix: "\(source.name):\(moment)")
        }
    }
}
