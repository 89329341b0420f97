import CPatchbay
import Logging
import PatchbayEvents

/// `builtin.log`: writes one log line an event and is done.
enum LogBuiltin {
    /// `config` is `{level}`; the default is `info`.
    static func handler(name: String, level: Logger.Level, logger: Logger) -> Handler {
        Handler(name: name) { _, event in
            guard logger.logLevel <= level else { return .ok }
            let view = event.pointee
            var metadata: Logger.Metadata = [
                "event_id": .string(String(view.id)), "source": .string(String(view.source)),
                "type": .string(String(view.type)), "handler": .string(name),
            ]
            if view.subject.len > 0 { metadata["subject"] = .string(String(view.subject)) }
            if view.data_len > 0, let data = view.data {
                let shown = UnsafeBufferPointer(start: data, count: Int(min(view.data_len, 512)))
                metadata["data"] = .string(String(decoding: shown, as: UTF8.self) + (view.data_len > 512 ? "…" : ""))
            }
            if view.traceparent.len == 55 {
                let context = String(view.traceparent)
                metadata["trace_id"] = .string(String(context.dropFirst(3).prefix(32)))
                metadata["span_id"] = .string(String(context.dropFirst(36).prefix(16)))
            }
            logger.log(level: level, "event", metadata: metadata)
            return .ok
        }
    }
}
