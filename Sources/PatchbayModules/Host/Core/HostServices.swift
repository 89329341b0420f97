import CPatchbay
import CPatchbayIsolation
import PatchbayEvents

/// The service tables: one of each for the whole process, since a call brings its own host pointer.
enum HostServices {
    // Invariant of the tables: written once before they are handed out, never changed, never freed.
    private nonisolated(unsafe) static let logger = lasting(LoggerService.table)
    private nonisolated(unsafe) static let trace = lasting(TraceService.table)
    private nonisolated(unsafe) static let meter = lasting(MeterService.table)
    private nonisolated(unsafe) static let emit = lasting(EmitService.table)
    private nonisolated(unsafe) static let state = lasting(StateService.table)
    private nonisolated(unsafe) static let timer = lasting(TimerService.table)
    private nonisolated(unsafe) static let stream = lasting(StreamService.table)
    private nonisolated(unsafe) static let http = lasting(HTTPService.table)
    private nonisolated(unsafe) static let mail = lasting(MailService.table)

    /// The table for an id; `nil` when this host lacks the service, or does not offer it. [any]
    static func table(for id: patchbay_str, among offered: Set<String>?) -> UnsafeRawPointer? {
        guard id.len <= 256 else { return nil }
        if let offered, !offered.contains(String(id)), !offered.contains(String(pbi_service_id(id))) { return nil }
        return switch String(pbi_service_id(id)) {
        case HostServiceID.logger: logger
        case HostServiceID.trace: trace
        case HostServiceID.meter: meter
        case HostServiceID.emit: emit
        case HostServiceID.state: state
        case HostServiceID.timer: timer
        case HostServiceID.stream: stream
        case HostServiceID.http: http
        case HostServiceID.mail: mail
        default: nil
        }
    }

    /// A table that modules may keep: never freed.
    static func lasting<Table: BitwiseCopyable>(_ table: Table) -> UnsafeRawPointer {
        let memory = UnsafeMutablePointer<Table>.allocate(capacity: 1)
        memory.initialize(to: table)
        return UnsafeRawPointer(memory)
    }
}
