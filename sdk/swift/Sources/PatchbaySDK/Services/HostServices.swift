import CPatchbay

/// The host and its tables, asked for once per instance.
@usableFromInline
struct HostServices {
    let host: UnsafePointer<patchbay_host>
    let logger: UnsafePointer<patchbay_logger>?
    let trace: UnsafePointer<patchbay_trace>?
    let meter: UnsafePointer<patchbay_meter>?
    let emit: UnsafePointer<patchbay_emit>?
    let state: UnsafePointer<patchbay_state>?
    let timer: UnsafePointer<patchbay_timer>?
    let stream: UnsafePointer<patchbay_stream>?
    let http: UnsafePointer<patchbay_http>?
    let mail: UnsafePointer<patchbay_mail>?

    init(host: UnsafePointer<patchbay_host>) {
        func table<T>(_ id: StaticString, _ type: T.Type) -> UnsafePointer<T>? {
            host.pointee.service(host, id.text)?.assumingMemoryBound(to: T.self)
        }
        self.host = host
        logger = table("patchbay.logger/1", patchbay_logger.self)
        trace = table("patchbay.trace/1", patchbay_trace.self)
        meter = table("patchbay.meter/1", patchbay_meter.self)
        emit = table("patchbay.emit/1", patchbay_emit.self)
        state = table("patchbay.state/1", patchbay_state.self)
        timer = table("patchbay.timer/1", patchbay_timer.self)
        stream = table("patchbay.stream/0", patchbay_stream.self)
        http = table("patchbay.http/1", patchbay_http.self)
        mail = table("patchbay.mail/1", patchbay_mail.self)
    }
}
