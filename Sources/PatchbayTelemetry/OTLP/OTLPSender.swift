/// Delivers one OTLP request over HTTP, trying again as the protocol says. One thread at a time; blocks.
package final class OTLPSender {
    package struct Configuration: Sendable {
        /// Sent with every request, after our own; authentication goes here.
        package var headers: [(name: String, value: String)] = []
        package var timeoutMilliseconds: UInt32 = 10_000
        /// Nanoseconds spent waiting for retries of one request at most.
        package var retryTotalNanoseconds: UInt64 = 60_000_000_000
        /// Nanoseconds before the first retry; doubles up to 30 s.
        package var retryFirstNanoseconds: UInt64 = 1_000_000_000

        package init() {}
    }

    private let client: HTTPClient
    private let configuration: Configuration
    private var random = SystemRandomNumberGenerator()

    /// - Throws: `telemetry.configuration` when memory is short.
    package init(configuration: Configuration) throws(TelemetryError) {
        guard let client = HTTPClient() else {
            throw TelemetryError(.configuration, "libcurl could not be set up", location: "otlp")
        }
        self.client = client
        self.configuration = configuration
    }

    /// Posts a protobuf body.
    ///
    /// While the host runs, it is tried again until the retries are over. Once it shuts down, a receiver that is not
    /// there is not waited for, and one that is busy until the deadline.
    ///
    /// - Returns: the body of the receiver's 2xx response.
    /// - Throws: `telemetry.refused` when the receiver says no for good, `telemetry.gave_up` when retries or time are over.
    package func post(_ body: [UInt8], to url: String, control: ExportControl) throws(TelemetryError) -> [UInt8] {
        var request = HTTPClient.Request(url: url)
        request.headers = [
            ("Content-Type", "application/x-protobuf"), ("User-Agent", "OTel-OTLP-Exporter-patchbay"),
        ]
        request.headers += configuration.headers
        request.body = body
        request.timeoutMilliseconds = configuration.timeoutMilliseconds
        var settings = RetryBackoff.Configuration()
        settings.total = configuration.retryTotalNanoseconds
        settings.first = configuration.retryFirstNanoseconds
        var backoff = RetryBackoff(settings)
        var problem: String?
        while true {
            let isEnding = control.isEnding
            switch try attempt(request, control: control) {
            case .taken(let answer): return answer
            case .outOfTime:
                let last = problem ?? "no answer in the time that was left"
                throw TelemetryError(.gaveUp, "the host ended: \(last)", location: url)
            case .absent(let what):
                problem = "\(what); start the collector, or correct telemetry.otlp"
                if isEnding { throw TelemetryError(.unreachable, problem ?? what, location: url) }
                try wait(nil, after: problem ?? what)
            case .again(let what, let retryAfter):
                problem = what
                try wait(retryAfter, after: what)
            }
        }

        func wait(_ retryAfter: UInt64?, after problem: String) throws(TelemetryError) {
            guard let wait = backoff.wait(retryAfter: retryAfter, random: random.next()),
                control.sleep(until: TelemetryClock.monotonicNow() &+ wait)
            else { throw TelemetryError(.gaveUp, "gave up after \(problem)", location: url) }
        }
    }

    private enum Answer {
        case taken([UInt8])
        /// What went wrong, and how long the receiver asks to be left alone, in nanoseconds.
        case again(String, retryAfter: UInt64?)
        /// Nobody listens there.
        case absent(String)
        /// The shutdown's deadline came while it was waited for.
        case outOfTime
    }

    private func attempt(
        _ request: HTTPClient.Request, control: ExportControl
    ) throws(TelemetryError) -> Answer {
        let response: HTTPClient.Response
        do {
            response = try client.perform(request) { control.isExpired }
        } catch {
            if error.code == .cancelled { return .outOfTime }
            if error.code == .connect || error.code == .resolve { return .absent(error.message) }
            if error.isTransient { return .again(error.message, retryAfter: nil) }
            throw TelemetryError(.refused, error.message, location: request.url)
        }
        if (200..<300).contains(response.status) { return .taken(response.body) }
        guard RetryBackoff.isRetryable(status: response.status) else {
            throw TelemetryError(.refused, "HTTP \(response.status)", location: request.url)
        }
        let retryAfter = response.retryAfterSeconds.map { seconds in
            let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            return overflow ? .max : nanoseconds
        }
        return .again("HTTP \(response.status)", retryAfter: retryAfter)
    }
}
