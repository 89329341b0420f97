/// OTLP's JSON encoding of spans: hexadecimal ids, numbered enumerations, 64-bit integers as strings.
///
/// - Source: OTLP specification, "JSON Protobuf Encoding"
package enum OTLPJSON {
    /// One `ExportTraceServiceRequest` as one line of JSON with its line feed.
    package static func line(_ spans: [Span], resource: TelemetryResource) -> [UInt8] {
        var json = JSONText()
        json.object {
            $0.key("resourceSpans")
            $0.array {
                $0.object {
                    $0.key("resource")
                    $0.object { write(resource.attributes, to: &$0) }
                    $0.key("scopeSpans")
                    $0.array { writeScope(spans, resource: resource, to: &$0) }
                }
            }
        }
        json.newline()
        return json.bytes
    }

    private static func writeScope(_ spans: [Span], resource: TelemetryResource, to json: inout JSONText) {
        json.object {
            $0.key("scope")
            $0.object {
                $0.key("name")
                $0.string(TelemetryResource.scopeName)
                $0.key("version")
                $0.string(resource.scopeVersion)
            }
            $0.key("spans")
            $0.array { json in
                for span in spans { json.object { write(span, to: &$0) } }
            }
        }
    }

    private static func write(_ span: Span, to json: inout JSONText) {
        json.key("traceId")
        json.string(span.context.traceID.hexadecimal)
        json.key("spanId")
        json.string(hexadecimalText(span.context.spanID))
        if span.parentSpanID != 0 {
            json.key("parentSpanId")
            json.string(hexadecimalText(span.parentSpanID))
        }
        writeState(span.traceState, to: &json)
        json.key("flags")
        json.int(otlpFlags(span.context.flags, isRemote: span.parentIsRemote))
        json.key("name")
        json.string(span.name)
        json.key("kind")
        json.int(span.kind.rawValue)
        json.key("startTimeUnixNano")
        json.string(String(span.start))
        json.key("endTimeUnixNano")
        json.string(String(span.end))
        write(span.attributes, to: &json)
        writeEvents(span.events, to: &json)
        writeLinks(span.links, to: &json)
        json.key("status")
        json.object { writeStatus(span.status, to: &$0) }
    }

    private static func writeEvents(_ events: [Span.Event], to json: inout JSONText) {
        if events.isEmpty { return }
        json.key("events")
        json.array { json in
            for event in events {
                json.object {
                    $0.key("timeUnixNano")
                    $0.string(String(event.time))
                    $0.key("name")
                    $0.string(event.name)
                    write(event.attributes, to: &$0)
                }
            }
        }
    }

    private static func writeLinks(_ links: [Span.Link], to json: inout JSONText) {
        if links.isEmpty { return }
        json.key("links")
        json.array { json in
            for link in links {
                json.object {
                    $0.key("traceId")
                    $0.string(link.context.traceID.hexadecimal)
                    $0.key("spanId")
                    $0.string(hexadecimalText(link.context.spanID))
                    writeState(link.traceState, to: &$0)
                    write(link.attributes, to: &$0)
                    $0.key("flags")
                    $0.int(otlpFlags(link.context.flags, isRemote: link.context.isRemote))
                }
            }
        }
    }

    private static func writeState(_ state: String, to json: inout JSONText) {
        if state.isEmpty { return }
        json.key("traceState")
        json.string(state)
    }

    private static func writeStatus(_ status: Span.Status, to json: inout JSONText) {
        switch status {
        case .unset: break
        case .ok:
            json.key("code")
            json.int(1)
        case .error(let why):
            if !why.isEmpty {
                json.key("message")
                json.string(why)
            }
            json.key("code")
            json.int(2)
        }
    }

    private static func write(_ attributes: [Attribute], to json: inout JSONText) {
        if attributes.isEmpty { return }
        json.key("attributes")
        json.array { json in
            for attribute in attributes {
                json.object {
                    $0.key("key")
                    $0.string(attribute.key)
                    $0.key("value")
                    $0.object { write(attribute.value, to: &$0) }
                }
            }
        }
    }

    private static func write(_ value: AttributeValue, to json: inout JSONText) {
        switch value {
        case .string(let text):
            json.key("stringValue")
            json.string(text)
        case .bool(let flag):
            json.key("boolValue")
            json.bool(flag)
        case .int(let number):
            json.key("intValue")
            json.string(String(number))
        case .double(let number):
            json.key("doubleValue")
            json.double(number)
        case .array(let values):
            json.key("arrayValue")
            json.object {
                $0.key("values")
                $0.array { json in
                    for value in values { json.object { write(value, to: &$0) } }
                }
            }
        }
    }
}
