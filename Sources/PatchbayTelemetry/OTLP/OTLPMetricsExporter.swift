import FoundationEssentials
import Glibc
import SwiftProtobuf
import Synchronization

/// Sends all metrics every so often as OTLP over HTTP, on a thread of its own, and a last time at shutdown.
package final class OTLPMetricsExporter: @unchecked Sendable {
    // Invariant: `sender` is touched only by the thread that `init` starts; the rest is immutable or synchronised.
    private let sender: OTLPSender
    private let url: String
    private let resource: TelemetryResource
    private let registry: MetricsRegistry
    private let interval: UInt64
    private let report: @Sendable (TelemetryError) -> Void
    private let control = ExportControl()
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<pthread_t?>(nil)

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - interval: nanoseconds between two exports.
    ///   - report: told of every failed export, on the exporter's thread.
    /// - Throws: `telemetry.configuration`, also when `endpoint` has no place for metrics.
    package init(
        endpoint: OTLPEndpoint, resource: TelemetryResource, registry: MetricsRegistry,
        configuration: OTLPSender.Configuration = OTLPSender.Configuration(), interval: UInt64 = 60_000_000_000,
        report: @escaping @Sendable (TelemetryError) -> Void
    ) throws(TelemetryError) {
        guard let url = endpoint.metrics else {
            throw TelemetryError(
                .configuration, "the endpoint names a path for traces only", location: endpoint.traces)
        }
        sender = try OTLPSender(configuration: configuration)
        self.url = url
        self.resource = resource
        self.registry = registry
        self.interval = interval
        self.report = report
        let started = startThread { [self] in run() }
        thread.withLock { $0 = started }
    }

    /// Exports a last time, for at most `timeout` nanoseconds, and ends the thread; repeated calls do nothing.
    package func shutdown(timeout: UInt64) { shutdown(by: TelemetryClock.monotonicNow() &+ timeout) }

    /// As `shutdown(timeout:)`, until `deadline` in monotonic nanoseconds.
    package func shutdown(by deadline: UInt64) {
        beginShutdown(by: deadline)
        guard
            let running = thread.withLock({ thread in
                defer { thread = nil }
                return thread
            })
        else { return }
        pthread_join(running, nil)
    }

    /// Begins what `shutdown(by:)` ends. Any thread.
    package func beginShutdown(by deadline: UInt64) {
        guard !isStopping.exchange(true, ordering: .sequentiallyConsistent) else { return }
        control.end(by: deadline)
    }

    private func run() {
        var next = TelemetryClock.monotonicNow() &+ interval
        while true {
            let stopping = isStopping.load(ordering: .sequentiallyConsistent)
            let now = TelemetryClock.monotonicNow()
            if stopping || now >= next {
                export()
                next = now &+ interval
            }
            if stopping { return }
            // The ring of `shutdown` may have been taken by the sender's own sleep.
            if !isStopping.load(ordering: .sequentiallyConsistent) { control.doorbell.wait(until: next) }
        }
    }

    private func export() {
        do {
            let request = OTLPMetricsRequest(registry.snapshot(), resource: resource)
            _ = try sender.post(try request.serializedBytes(), to: url, control: control)
        } catch let error as TelemetryError {
            report(error)
        } catch {
            report(TelemetryError(.refused, "\(error)", location: url))
        }
    }
}
