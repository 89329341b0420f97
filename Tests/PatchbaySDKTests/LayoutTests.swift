import CPatchbay
import Testing

/// Every offset and size of the ABI's structures, as modules that are already built know them.
@Suite struct LayoutTests {
    struct Field: Sendable {
        let name: String
        let actual: Int?
        let frozen: Int
    }

    private func field<T, V>(_ path: KeyPath<T, V>, _ name: String, _ frozen: Int) -> Field {
        Field(name: "\(T.self).\(name)", actual: MemoryLayout<T>.offset(of: path), frozen: frozen)
    }

    private func expect(_ fields: [Field]) {
        for field in fields { #expect(field.actual == field.frozen, "\(field.name) moved") }
    }

    @Test func `keeps the layout of basic types, event and result`() {
        #expect(MemoryLayout<patchbay_str>.size == 16)
        #expect(MemoryLayout<patchbay_kv>.size == 32)
        #expect(MemoryLayout<patchbay_event>.size == 232)
        #expect(MemoryLayout<patchbay_result>.size == 88)
        expect([
            field(\patchbay_str.ptr, "ptr", 0),
            field(\patchbay_str.len, "len", 8),
            field(\patchbay_kv.key, "key", 0),
            field(\patchbay_kv.value, "value", 16),
            field(\patchbay_event.size, "size", 0),
            field(\patchbay_event.flags, "flags", 4),
            field(\patchbay_event.id, "id", 8),
            field(\patchbay_event.source, "source", 24),
            field(\patchbay_event.type, "type", 40),
            field(\patchbay_event.subject, "subject", 56),
            field(\patchbay_event.time, "time", 72),
            field(\patchbay_event.datacontenttype, "datacontenttype", 88),
            field(\patchbay_event.dataschema, "dataschema", 104),
            field(\patchbay_event.ext, "ext", 120),
            field(\patchbay_event.ext_count, "ext_count", 128),
            field(\patchbay_event.data, "data", 136),
            field(\patchbay_event.data_len, "data_len", 144),
            field(\patchbay_event.route, "route", 152),
            field(\patchbay_event.idempotency_key, "idempotency_key", 168),
            field(\patchbay_event.traceparent, "traceparent", 184),
            field(\patchbay_event.tracestate, "tracestate", 200),
            field(\patchbay_event.attempt, "attempt", 216),
            field(\patchbay_event.max_attempts, "max_attempts", 220),
            field(\patchbay_event.deadline_ns, "deadline_ns", 224),
            field(\patchbay_result.size, "size", 0),
            field(\patchbay_result.outcome, "outcome", 4),
            field(\patchbay_result.flags, "flags", 8),
            field(\patchbay_result.code, "code", 12),
            field(\patchbay_result.retry_after_ns, "retry_after_ns", 16),
            field(\patchbay_result.reason, "reason", 24),
            field(\patchbay_result.detail_json, "detail_json", 40),
            field(\patchbay_result.reply, "reply", 56),
            field(\patchbay_result.reply_content_type, "reply_content_type", 72),
        ])
    }

    @Test func `keeps the layout of host and frozen services`() {
        #expect(MemoryLayout<patchbay_host>.size == 72)
        #expect(MemoryLayout<patchbay_logger>.size == 24)
        #expect(MemoryLayout<patchbay_trace>.size == 48)
        #expect(MemoryLayout<patchbay_meter>.size == 24)
        expect([
            field(\patchbay_host.size, "size", 0),
            field(\patchbay_host.abi_minor, "abi_minor", 4),
            field(\patchbay_host.name, "name", 8),
            field(\patchbay_host.version, "version", 24),
            field(\patchbay_host.service, "service", 40),
            field(\patchbay_host.complete, "complete", 48),
            field(\patchbay_host.cancelled, "cancelled", 56),
            field(\patchbay_host.set_error, "set_error", 64),
            field(\patchbay_logger.size, "size", 0),
            field(\patchbay_logger.reserved, "reserved", 4),
            field(\patchbay_logger.enabled, "enabled", 8),
            field(\patchbay_logger.write, "write", 16),
            field(\patchbay_trace.size, "size", 0),
            field(\patchbay_trace.reserved, "reserved", 4),
            field(\patchbay_trace.begin, "begin", 8),
            field(\patchbay_trace.attr, "attr", 16),
            field(\patchbay_trace.event, "event", 24),
            field(\patchbay_trace.end, "end", 32),
            field(\patchbay_trace.inject, "inject", 40),
            field(\patchbay_meter.size, "size", 0),
            field(\patchbay_meter.reserved, "reserved", 4),
            field(\patchbay_meter.declare, "declare", 8),
            field(\patchbay_meter.record, "record", 16),
        ])
    }

    @Test func `keeps the layout of handler and module`() {
        #expect(MemoryLayout<patchbay_handler>.size == 80)
        #expect(MemoryLayout<patchbay_module>.size == 48)
        expect([
            field(\patchbay_handler.size, "size", 0),
            field(\patchbay_handler.flags, "flags", 4),
            field(\patchbay_handler.id, "id", 8),
            field(\patchbay_handler.create, "create", 24),
            field(\patchbay_handler.handle, "handle", 32),
            field(\patchbay_handler.handle_batch, "handle_batch", 40),
            field(\patchbay_handler.cancel, "cancel", 48),
            field(\patchbay_handler.reconfigure, "reconfigure", 56),
            field(\patchbay_handler.drain, "drain", 64),
            field(\patchbay_handler.destroy, "destroy", 72),
            field(\patchbay_module.size, "size", 0),
            field(\patchbay_module.abi_minor, "abi_minor", 4),
            field(\patchbay_module.unload, "unload", 8),
            field(\patchbay_module.reserved, "reserved", 12),
            field(\patchbay_module.handlers, "handlers", 16),
            field(\patchbay_module.handler_count, "handler_count", 24),
            field(\patchbay_module.shutdown, "shutdown", 32),
            field(\patchbay_module.component, "component", 40),
        ])
    }

    @Test func `keeps the layout of the services that are frozen in headers of their own`() {
        #expect(MemoryLayout<patchbay_draft>.size == 128)
        #expect(MemoryLayout<patchbay_emit>.size == 16)
        #expect(MemoryLayout<patchbay_state>.size == 32)
        #expect(MemoryLayout<patchbay_timer>.size == 24)
        #expect(
            [
                MemoryLayout<patchbay_draft>.alignment, MemoryLayout<patchbay_emit>.alignment,
                MemoryLayout<patchbay_state>.alignment, MemoryLayout<patchbay_timer>.alignment,
            ] == Array(repeating: 8, count: 4))
        expect([
            field(\patchbay_draft.size, "size", 0),
            field(\patchbay_draft.flags, "flags", 4),
            field(\patchbay_draft.type, "type", 8),
            field(\patchbay_draft.source, "source", 24),
            field(\patchbay_draft.subject, "subject", 40),
            field(\patchbay_draft.id, "id", 56),
            field(\patchbay_draft.datacontenttype, "datacontenttype", 72),
            field(\patchbay_draft.ext, "ext", 88),
            field(\patchbay_draft.ext_count, "ext_count", 96),
            field(\patchbay_draft.data, "data", 104),
            field(\patchbay_draft.data_len, "data_len", 112),
            field(\patchbay_draft.not_before_ns, "not_before_ns", 120),
            field(\patchbay_emit.size, "size", 0),
            field(\patchbay_emit.reserved, "reserved", 4),
            field(\patchbay_emit.add, "add", 8),
            field(\patchbay_state.size, "size", 0),
            field(\patchbay_state.reserved, "reserved", 4),
            field(\patchbay_state.get, "get", 8),
            field(\patchbay_state.del, "del", 16),
            field(\patchbay_state.put, "put", 24),
            field(\patchbay_timer.size, "size", 0),
            field(\patchbay_timer.reserved, "reserved", 4),
            field(\patchbay_timer.set, "set", 8),
            field(\patchbay_timer.cancel, "cancel", 16),
        ])
    }

    @Test func `keeps the layout of requests, mails and their answers`() {
        #expect(MemoryLayout<patchbay_http>.size == 16)
        #expect(MemoryLayout<patchbay_http_request>.size == 88)
        #expect(MemoryLayout<patchbay_answer>.size == 72)
        #expect(MemoryLayout<patchbay_mail>.size == 16)
        #expect(MemoryLayout<patchbay_mail_message>.size == 112)
        #expect(
            [
                MemoryLayout<patchbay_http>.alignment, MemoryLayout<patchbay_http_request>.alignment,
                MemoryLayout<patchbay_answer>.alignment, MemoryLayout<patchbay_mail>.alignment,
                MemoryLayout<patchbay_mail_message>.alignment,
            ] == Array(repeating: 8, count: 5))
        expect([
            field(\patchbay_http.size, "size", 0),
            field(\patchbay_http.reserved, "reserved", 4),
            field(\patchbay_http.send, "send", 8),
            field(\patchbay_http_request.size, "size", 0),
            field(\patchbay_http_request.flags, "flags", 4),
            field(\patchbay_http_request.method, "method", 8),
            field(\patchbay_http_request.url, "url", 24),
            field(\patchbay_http_request.headers, "headers", 40),
            field(\patchbay_http_request.header_count, "header_count", 48),
            field(\patchbay_http_request.body, "body", 56),
            field(\patchbay_http_request.body_len, "body_len", 64),
            field(\patchbay_http_request.timeout_ns, "timeout_ns", 72),
            field(\patchbay_http_request.response_max, "response_max", 80),
            field(\patchbay_answer.size, "size", 0),
            field(\patchbay_answer.flags, "flags", 4),
            field(\patchbay_answer.fault, "fault", 8),
            field(\patchbay_answer.status, "status", 12),
            field(\patchbay_answer.headers, "headers", 16),
            field(\patchbay_answer.header_count, "header_count", 24),
            field(\patchbay_answer.body, "body", 32),
            field(\patchbay_answer.body_len, "body_len", 40),
            field(\patchbay_answer.retry_after_ns, "retry_after_ns", 48),
            field(\patchbay_answer.message, "message", 56),
            field(\patchbay_mail.size, "size", 0),
            field(\patchbay_mail.reserved, "reserved", 4),
            field(\patchbay_mail.send, "send", 8),
            field(\patchbay_mail_message.size, "size", 0),
            field(\patchbay_mail_message.flags, "flags", 4),
            field(\patchbay_mail_message.server, "server", 8),
            field(\patchbay_mail_message.user, "user", 24),
            field(\patchbay_mail_message.password, "password", 40),
            field(\patchbay_mail_message.from, "from", 56),
            field(\patchbay_mail_message.recipients, "recipients", 72),
            field(\patchbay_mail_message.recipient_count, "recipient_count", 80),
            field(\patchbay_mail_message.content, "content", 88),
            field(\patchbay_mail_message.content_len, "content_len", 96),
            field(\patchbay_mail_message.timeout_ns, "timeout_ns", 104),
        ])
    }

    @Test func `keeps the layout of the draft of streams, which only grows`() {
        #expect(MemoryLayout<patchbay_stream>.size == 72)
        #expect(MemoryLayout<patchbay_stream_filter>.size == 64)
        #expect(MemoryLayout<patchbay_stream_event>.size == 88)
        #expect(
            [
                MemoryLayout<patchbay_stream>.alignment, MemoryLayout<patchbay_stream_event>.alignment,
                MemoryLayout<patchbay_stream_filter>.alignment,
            ] == Array(repeating: 8, count: 3))
        expect([
            field(\patchbay_stream_event.size, "size", 0),
            field(\patchbay_stream_event.reserved, "reserved", 4),
            field(\patchbay_stream_event.revision, "revision", 8),
            field(\patchbay_stream_event.appended_ns, "appended_ns", 16),
            field(\patchbay_stream_event.id, "id", 24),
            field(\patchbay_stream_event.source, "source", 40),
            field(\patchbay_stream_event.type, "type", 56),
            field(\patchbay_stream_event.json, "json", 72),
            field(\patchbay_stream.size, "size", 0),
            field(\patchbay_stream.reserved, "reserved", 4),
            field(\patchbay_stream.append, "append", 8),
            field(\patchbay_stream.head, "head", 16),
            field(\patchbay_stream.read, "read", 24),
            field(\patchbay_stream.snapshot_get, "snapshot_get", 32),
            field(\patchbay_stream.snapshot_put, "snapshot_put", 40),
            field(\patchbay_stream.query, "query", 48),
            field(\patchbay_stream.subscribe, "subscribe", 56),
            field(\patchbay_stream.unsubscribe, "unsubscribe", 64),
            field(\patchbay_stream_filter.size, "size", 0),
            field(\patchbay_stream_filter.flags, "flags", 4),
            field(\patchbay_stream_filter.from, "from", 8),
            field(\patchbay_stream_filter.since_ns, "since_ns", 16),
            field(\patchbay_stream_filter.as_of_ns, "as_of_ns", 24),
            field(\patchbay_stream_filter.type, "type", 32),
            field(\patchbay_stream_filter.correlation, "correlation", 48),
        ])
    }
}
