/// Where OTLP requests go: one URL a signal.
package struct OTLPEndpoint: Hashable, Sendable {
    package let traces: String
    /// `nil` when a full path was given that names no place for metrics.
    package let metrics: String?

    /// Reads `http://host:4318`, to which `/v1/traces` is appended, or a URL with a path, which is kept.
    ///
    /// - Throws: `telemetry.configuration` for anything but an http or https URL with a host.
    /// - Source: OpenTelemetry, "OTLP Exporter Configuration", "Endpoint URLs for OTLP/HTTP"
    package init(_ text: String) throws(TelemetryError) {
        func refuse(_ why: String) -> TelemetryError {
            TelemetryError(.configuration, "\(why); expected http://host:4318 or https://host/path", location: text)
        }
        guard text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { throw refuse("the endpoint is no URL") }
        let lowered = text.lowercased()
        let scheme = ["http://", "https://"].first { lowered.hasPrefix($0) }
        guard let scheme else { throw refuse("the endpoint's scheme must be http or https") }
        let rest = text.dropFirst(scheme.count)
        let authority = rest.prefix { !"/?#".contains($0) }
        let path = rest.dropFirst(authority.count)
        guard !authority.isEmpty, !authority.hasPrefix(":"), !path.contains("#") else {
            throw refuse("the endpoint has no host, or a fragment")
        }
        if path.isEmpty || path == "/" {
            traces = "\(scheme)\(authority)/v1/traces"
            metrics = "\(scheme)\(authority)/v1/metrics"
        } else {
            traces = text
            metrics = text.hasSuffix("/v1/traces") ? text.dropLast("traces".count) + "metrics" : nil
        }
    }
}
