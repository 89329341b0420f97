import FoundationEssentials
import SwiftProtobuf

/// Exports batches as OTLP over HTTP in protobuf. A pipeline's thread; blocks while the receiver is away, which fills the
/// bounded queue behind it and is counted there.
package final class OTLPSpanExporter: SpanExporter {
    package var name: String { url }
    private let sender: OTLPSender
    private let url: String
    private let resource: TelemetryResource

    /// - Throws: `telemetry.configuration`.
    package init(
        endpoint: OTLPEndpoint, resource: TelemetryResource,
        configuration: OTLPSender.Configuration = OTLPSender.Configuration()
    ) throws(TelemetryError) {
        sender = try OTLPSender(configuration: configuration)
        url = endpoint.traces
        self.resource = resource
    }

    package func export(_ spans: [Span], control: ExportControl) -> ExportResult {
        do {
            let body: [UInt8] = try OTLPTraceRequest(spans, resource: resource).serializedBytes()
            return result(of: try sender.post(body, to: url, control: control), count: spans.count)
        } catch let error as TelemetryError {
            return ExportResult(exported: 0, refused: spans.count, error: error)
        } catch {
            return ExportResult(
                exported: 0, refused: spans.count, error: TelemetryError(.refused, "\(error)", location: url))
        }
    }

    /// A 2xx is success whatever its body; a body that says so took only a part.
    private func result(of body: [UInt8], count: Int) -> ExportResult {
        typealias Response = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceResponse
        let partial: Opentelemetry_Proto_Collector_Trace_V1_ExportTracePartialSuccess
        do {
            partial = try Response(serializedBytes: body).partialSuccess
        } catch {
            return ExportResult(exported: count)
        }
        let rejected = min(max(Int(clamping: partial.rejectedSpans), 0), count)
        guard rejected > 0 || !partial.errorMessage.isEmpty else { return ExportResult(exported: count) }
        return ExportResult(
            exported: count - rejected, refused: rejected,
            error: TelemetryError(.partial, "\(rejected) spans rejected: \(partial.errorMessage)", location: url))
    }
}
