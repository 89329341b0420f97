import FoundationEssentials
import SwiftProtobuf

package typealias OTLPTraceRequest = Opentelemetry_Proto_Collector_Trace_V1_ExportTraceServiceRequest
typealias OTLPAttribute = Opentelemetry_Proto_Common_V1_KeyValue
private typealias OTLPValue = Opentelemetry_Proto_Common_V1_AnyValue
typealias OTLPSpan = Opentelemetry_Proto_Trace_V1_Span

/// Who speaks in telemetry: the process, described once.
package struct TelemetryResource: Hashable, Sendable {
    package var attributes: [Attribute]
    /// The version of the instrumentation, which is the host's.
    package var scopeVersion: String

    package static let scopeName = "patchbay"

    package init(serviceName: String, serviceVersion: String, attributes: [Attribute] = []) {
        self.attributes = [
            Attribute("service.name", .string(serviceName)), Attribute("service.version", .string(serviceVersion)),
        ]
        self.attributes += attributes
        scopeVersion = serviceVersion
    }
}

extension OTLPTraceRequest {
    /// The OTLP request that carries `spans`.
    package init(_ spans: [Span], resource: TelemetryResource) {
        self.init()
        resourceSpans = [
            .with {
                $0.resource = .with { $0.attributes = resource.attributes.map(OTLPAttribute.init) }
                $0.scopeSpans = [
                    .with {
                        $0.scope = .with {
                            $0.name = TelemetryResource.scopeName
                            $0.version = resource.scopeVersion
                        }
                        $0.spans = spans.map(OTLPSpan.init)
                    }
                ]
            }
        ]
    }
}

extension OTLPAttribute {
    init(_ attribute: Attribute) {
        self.init()
        key = attribute.key
        value = OTLPValue(attribute.value)
    }
}

extension OTLPValue {
    fileprivate init(_ value: AttributeValue) {
        self.init()
        switch value {
        case .string(let text): stringValue = text
        case .bool(let flag): boolValue = flag
        case .int(let number): intValue = number
        case .double(let number): doubleValue = number
        case .array(let values): arrayValue.values = values.map(OTLPValue.init)
        }
    }
}

extension OTLPSpan {
    init(_ span: Span) {
        self.init()
        traceID = span.context.traceID.bytes
        spanID = bigEndian(span.context.spanID)
        if span.parentSpanID != 0 { parentSpanID = bigEndian(span.parentSpanID) }
        traceState = span.traceState
        flags = otlpFlags(span.context.flags, isRemote: span.parentIsRemote)
        name = span.name
        kind = SpanKind(rawValue: Int(span.kind.rawValue)) ?? .unspecified
        startTimeUnixNano = span.start
        endTimeUnixNano = span.end
        attributes = span.attributes.map(OTLPAttribute.init)
        events = span.events.map { event in
            .with {
                $0.name = event.name
                $0.timeUnixNano = event.time
                $0.attributes = event.attributes.map(OTLPAttribute.init)
            }
        }
        links = span.links.map { link in
            .with {
                $0.traceID = link.context.traceID.bytes
                $0.spanID = bigEndian(link.context.spanID)
                $0.traceState = link.traceState
                $0.attributes = link.attributes.map(OTLPAttribute.init)
                $0.flags = otlpFlags(link.context.flags, isRemote: link.context.isRemote)
            }
        }
        switch span.status {
        case .unset: status = .init()
        case .ok: status.code = .ok
        case .error(let why):
            status.code = .error
            status.message = why
        }
    }
}

/// W3C flags in the low byte, then "is remote is known" and "is remote".
func otlpFlags(_ flags: UInt8, isRemote: Bool) -> UInt32 { UInt32(flags) | 0x100 | (isRemote ? 0x200 : 0) }

private func bigEndian(_ value: UInt64) -> Data { withUnsafeBytes(of: value.bigEndian) { Data($0) } }

extension TraceID {
    fileprivate var bytes: Data { bigEndian(high) + bigEndian(low) }
}
