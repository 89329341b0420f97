import CPatchbay
import CPatchbaySystem
import PatchbayConfiguration
import PatchbayEvents
import PatchbayModules
import PatchbayTransfers

/// `builtin.http`: sends each event to a URL as a CloudEvent.
///
/// Asynchronous: a call holds no thread while it waits. [worker threads, then the engine's]
final class HTTPBuiltin: Sendable {
    struct Settings: Sendable {
        var url = ""
        var method = "POST"
        var headers: [(name: String, value: String)] = []
        /// Attributes travel as headers, the data as the body.
        var isBinary = false
        /// Nanoseconds; 0: the usual one.
        var timeout: UInt64 = 0

        /// Those that the configuration gives take the place of `others`.
        func headers(over others: [(name: String, value: String)]) -> [(name: String, value: String)] {
            let given = Set(headers.map { $0.name.lowercased() })
            return others.filter { !given.contains($0.name) } + headers
        }

        init(_ config: ConfigurationValue) {
            if case .string(let text)? = config["url"] { url = text }
            if case .string(let text)? = config["method"] { method = text }
            isBinary = config["mode"] == .string("binary")
            if case .int(let milliseconds)? = config["timeoutMillis"] { timeout = UInt64(milliseconds) * 1_000_000 }
            if case .map(let entries)? = config["headers"] {
                headers = entries.compactMap { entry in
                    if case .string(let value) = entry.value { (entry.key, value) } else { nil }
                }
            }
        }
    }

    private let name: String
    private let settings: Settings
    private let environment: HostEnvironment

    init(name: String, _ settings: Settings, environment: HostEnvironment) {
        self.name = name
        self.settings = settings
        self.environment = environment
    }

    var handler: Handler { Handler(name: name) { call, event in self.handle(call, event.pointee) } }

    private func handle(_ call: patchbay_call, _ event: patchbay_event) -> patchbay_status {
        let event = Event(event)
        // A muted replay has no effects, and this handler has no other.
        if event[ReplayMark.muted] != nil { return environment.calls.complete(call, .skip, nil) }
        let content = settings.isBinary ? CloudEventsHTTP.binary(event) : CloudEventsHTTP.structured(event)
        let request = Transfer.Request(
            method: settings.method, url: settings.url, headers: settings.headers(over: content.headers),
            body: content.body)
        let calls = environment.calls
        do throws(ServiceRefusal) {
            try NetworkService.send(
                .http(request), for: call, timeout: settings.timeout, network: nil, environment
            ) { answer in
                let (kind, details) = HTTPOutcome.of(answer)
                // A call that the host has closed meanwhile is counted where it was closed.
                _ = calls.complete(call, kind, details)
            }
            return .pending
        } catch {
            return error.status
        }
    }
}

/// What an answer means for an event.
enum HTTPOutcome {
    /// 2xx is done; 408, 425, 429 and 5xx are tried again, after `Retry-After` where there is one, and so is what has no
    /// answer; the rest, redirects included, fails for good, and spares the breaker where the request is to blame.
    ///
    /// - Source: RFC 9110, clause 15; RFC 6585, clause 4; RFC 8470, clause 5.2
    static func of(_ answer: TransferAnswer) -> (OutcomeKind, ResultDetails?) {
        // That the body of a success is too large to be kept is nobody's loss: it is not read.
        if answer.fault == .tooLarge, (200...299).contains(answer.status) { return (.done, nil) }
        if let fault = answer.fault {
            var details = ResultDetails(reason: "\(fault.name): \(answer.message)")
            details.code = Int32(clamping: answer.status)
            let kind: OutcomeKind =
                switch fault {
                case .cancelled: .cancelled
                case .denied, .request: .fail
                default: .retry
                }
            return (kind, details)
        }
        guard !(200...299).contains(answer.status) else { return (.done, nil) }
        let body = String(decoding: answer.body.prefix(200), as: UTF8.self)
        var details = ResultDetails(reason: "http_\(answer.status): \(body)")
        details.code = Int32(clamping: answer.status)
        switch answer.status {
        case 408, 425, 429, 500...599:
            details.retryAfter = answer.retryAfter
            return (.retry, details)
        case 400, 404, 405, 406, 409, 410, 411, 413, 414, 415, 422:
            details.sparesBreaker = true
            return (.fail, details)
        default: return (.fail, details)
        }
    }
}
