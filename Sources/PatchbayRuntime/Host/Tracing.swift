import Logging
import PatchbayConfiguration
import PatchbayTelemetry

/// Sets the tracer up as the command line and the configuration say.
enum Tracing {
    static func tracer(_ configuration: Configuration, options: HostOptions, seed: UInt64) throws(HostError) -> Tracer {
        let ids = IDGenerator(seed: seed)
        let resource = TelemetryResource(serviceName: "patchbay", serviceVersion: options.version)
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
