import CPatchbay

/// Severities of OpenTelemetry.
public enum LogLevel: Int32, Sendable {
    case trace = 1
    case debug = 5
    case info = 9
    case warning = 13
    case error = 17
    case fatal = 21
}

extension HostServices {
    func log(
        _ level: LogLevel, call: patchbay_call, _ message: () -> String, _ fields: () -> KeyValuePairs<String, String>
    ) {
        guard let logger, logger.pointee.enabled(host, level.rawValue) != 0 else { return }
        message().withText { text in
            withPairs(fields().map { ($0.key, $0.value) }) { pairs, count in
                logger.pointee.write(host, call, level.rawValue, text, pairs, count)
            }
        }
    }
}

extension Call {
    /// Writes a message with the trace of this call. Neither argument is evaluated when the level is off.
    public func log(
        _ level: LogLevel, _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> KeyValuePairs<String, String> = [:]
    ) {
        services.pointee.log(level, call: id, message, fields)
    }
}

extension Host {
    /// Writes a message that belongs to the instance and not to one event.
    public func log(
        _ level: LogLevel, _ message: @autoclosure () -> String,
        _ fields: @autoclosure () -> KeyValuePairs<String, String> = [:]
    ) {
        services.pointee.log(level, call: 0, message, fields)
    }
}
