import Logging
import PatchbayConfiguration
import PatchbayTelemetry

/// Sets up what exports spans and metrics, as the command line and the configuration say.
enum Tracing {
    /// With `--trace otlp`, the metrics go where the spans go; `nil` when nothing does, or the URL is one for traces.
    static func metricsExporter(
        _ metrics: MetricsRegistry, _ configuration: Configuration, options: HostOptions
    ) throws(HostError) -> OTLPMetricsExporter? {
        guard options.traces.contains(.otlp) else { return nil }
        let logger = options.logger
        do {
            let endpoint = try OTLPEndpoint(configuration.telemetry.otlp)
            guard endpoint.metrics != nil else {
                logger.info("telemetry.otlp names a path for traces, so metrics are not exported")
                return nil
            }
            return try OTLPMetricsExporter(
                endpoint: endpoint, resource: resource(options), registry: metrics,
                report: { logger.error("\($0)") })
        } catch {
            throw HostError("\(error)")
        }
    }

    private static func resource(_ options: HostOptions) -> TelemetryResource {
        TelemetryResource(serviceName: "patchbay", serviceVersion: options.version)
    }

    static func tracer(_ configuration: Configuration, options: HostOptions, seed: UInt64) throws(HostError) -> Tracer {
        let ids = IDGenerator(seed: seed)
        let resource = resource(options)
        let logger = options.logger
        var pipelines: [SpanPipeline] = []
        do {
            for output in options.traces {
                switch output {
                case .none: continue
                case .console(let colour):
                    pipelines.append(
                        SpanPipeline(
                            exporter: ConsoleExporter(file: 1, colour: colour), configuration: ConsoleExporter.pipeline,
                            report: { logger.error("\($0)") }))
                case .file(let path):
                    pipelines.append(
                        SpanPipeline(
                            exporter: try JSONLinesExporter(path: path, resource: resource),
                            configuration: JSONLinesExporter.pipeline,
                            report: { logger.error("\($0)") }))
                case .otlp:
                    guard !configuration.telemetry.otlp.isEmpty else {
                        throw HostError(
                            "--trace otlp needs telemetry.otlp in the configuration, such as http://127.0.0.1:4318")
                    }
                    pipelines.append(
                        SpanPipeline(
                            exporter: try OTLPSpanExporter(
                                endpoint: try OTLPEndpoint(configuration.telemetry.otlp), resource: resource),
                            report: { logger.error("\($0)") }))
                }
            }
        } catch let error as HostError {
            throw error
        } catch {
            throw HostError("\(error)")
        }
        return pipelines.isEmpty
            ? .off(ids: ids)
            : Tracer(sampler: Sampler(ratio: configuration.telemetry.sampleRatio), ids: ids, pipelines: pipelines)
    }
}
