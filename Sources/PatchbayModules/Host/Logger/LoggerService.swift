import CPatchbay
import Logging
import PatchbayEvents
import PatchbayTelemetry

/// `patchbay.logger/1` over swift-log.
enum LoggerService {
    static var table: patchbay_logger {
        patchbay_logger(
            size: UInt32(MemoryLayout<patchbay_logger>.size), reserved: 0,
            enabled: { host, level in
                HostBlock.with(host) { $0.logger.logLevel <= LoggerService.level(level) ? 1 : 0 } ?? 0
            },
            write: { host, call, level, message, fields, count in
                HostBlock.with(host) { context in
                    LoggerService.write(context, call, level, message, fields, count)
                }
            })
    }

    /// The nearest level of swift-log at or below an OpenTelemetry severity.
    static func level(_ severity: Int32) -> Logger.Level {
        switch severity {
        case ..<5: .trace
        case 5..<9: .debug
        case 9..<13: .info
        case 13..<17: .warning
        case 17..<21: .error
        default: .critical
        }
    }

    private static func write(
        _ context: HostContext, _ call: patchbay_call, _ severity: Int32, _ message: patchbay_str,
        _ fields: UnsafePointer<patchbay_kv>?, _ count: UInt64
    ) {
        let level = level(severity)
        guard context.logger.logLevel <= level else { return }
        let limits = context.environment.limits
        var metadata: Logger.Metadata = [:]
        for pair in ForeignText.pairs(fields, count, max: limits.fields) {
            let key = ForeignText.lenient(pair.key, max: limits.textBytes)
            metadata[key] = .string(ForeignText.lenient(pair.value, max: limits.textBytes))
        }
        if call != 0 {
            // The call's own come last, so that no field of the module's can pretend to be them.
            _ = context.environment.calls.withOpenEvent(call) { event in
                metadata[LogKey.eventID] = .string(String(event.pointee.id))
                guard let trace = TraceContext(traceparent: UnsafeRawBufferPointer(event.pointee.traceparent.bytes))
                else { return }
                metadata["trace_id"] = .string(trace.traceID.hexadecimal)
                metadata["span_id"] = .string(hexadecimalText(trace.spanID))
            }
        }
        let text = ForeignText.lenient(message, max: limits.textBytes)
        context.logger.log(level: level, "\(text)", metadata: metadata)
    }
}
