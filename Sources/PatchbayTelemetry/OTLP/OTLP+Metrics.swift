import FoundationEssentials
import SwiftProtobuf

package typealias OTLPMetricsRequest = Opentelemetry_Proto_Collector_Metrics_V1_ExportMetricsServiceRequest
private typealias OTLPMetric = Opentelemetry_Proto_Metrics_V1_Metric
private typealias OTLPNumber = Opentelemetry_Proto_Metrics_V1_NumberDataPoint
private typealias OTLPHistogram = Opentelemetry_Proto_Metrics_V1_ExponentialHistogramDataPoint

extension OTLPMetricsRequest {
    /// The OTLP request that carries `snapshot`, cumulative since its start; a scope a module instance.
    package init(_ snapshot: MetricsSnapshot, resource: TelemetryResource) {
        self.init()
        let scopes = Dictionary(grouping: snapshot.metrics, by: \.description.scope).sorted { $0.key < $1.key }
        resourceMetrics = [
            .with {
                $0.resource = .with { $0.attributes = resource.attributes.map(OTLPAttribute.init) }
                $0.scopeMetrics = scopes.map { scope, metrics in
                    .with {
                        $0.scope = .with {
                            $0.name = scope.isEmpty ? TelemetryResource.scopeName : scope
                            $0.version = scope.isEmpty ? resource.scopeVersion : ""
                        }
                        $0.metrics = metrics.map { OTLPMetric($0, from: snapshot.start, to: snapshot.time) }
                    }
                }
            }
        ]
    }
}

extension OTLPMetric {
    fileprivate init(_ metric: Metric, from start: UInt64, to time: UInt64) {
        self.init()
        name = metric.description.name
        unit = metric.description.unit
        description_p = metric.description.help
        switch metric.description.kind {
        case .counter, .wholeCounter, .upDown:
            sum = .with {
                $0.aggregationTemporality = .cumulative
                $0.isMonotonic = metric.description.kind != .upDown
                $0.dataPoints = metric.points.map { OTLPNumber($0, from: start, to: time) }
            }
        case .gauge:
            gauge = .with { $0.dataPoints = metric.points.map { OTLPNumber($0, from: 0, to: time) } }
        case .histogram:
            exponentialHistogram = .with {
                $0.aggregationTemporality = .cumulative
                $0.dataPoints = metric.points.map { OTLPHistogram($0, from: start, to: time) }
            }
        }
    }
}

extension OTLPNumber {
    fileprivate init(_ point: MetricPoint, from start: UInt64, to time: UInt64) {
        self.init()
        attributes = point.labels.map(OTLPAttribute.init)
        startTimeUnixNano = start
        timeUnixNano = time
        switch point.value {
        case .whole(let number): asInt = Int64(clamping: number)
        case .number(let number): asDouble = number
        case .histogram: break
        }
    }
}

extension OTLPHistogram {
    fileprivate init(_ point: MetricPoint, from start: UInt64, to time: UInt64) {
        self.init()
        attributes = point.labels.map(OTLPAttribute.init)
        startTimeUnixNano = start
        timeUnixNano = time
        guard case .histogram(let histogram) = point.value else { return }
        count = histogram.count
        zeroCount = histogram.zeros
        scale = Histogram.scale
        sum = histogram.sum
        if histogram.count > 0 {
            min = histogram.least
            max = histogram.greatest
        }
        if !histogram.counts.isEmpty {
            positive = .with {
                $0.offset = histogram.firstIndex
                $0.bucketCounts = histogram.counts
            }
        }
    }
}
