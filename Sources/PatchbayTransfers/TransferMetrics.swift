import PatchbayTelemetry

/// What is measured of one service. [the engine's thread]
struct TransferMetrics {
    /// Seconds, waiting included.
    private let duration: Histogram
    /// Seconds until its turn.
    private let wait: Histogram
    private let opened: Counter
    private let reused: Counter
    let inUse: Gauge
    let waiting: Gauge
    private let registry: MetricsRegistry
    private let service: Attribute

    init(_ address: ServiceAddress, _ registry: MetricsRegistry) {
        self.registry = registry
        let service = Attribute("service", .string(address.description))
        self.service = service
        duration = registry.histogram(
            "patchbay.transfers.duration", unit: "s", help: "Requests and mails of modules, waiting included.",
            labels: [service])
        wait = registry.histogram(
            "patchbay.transfers.wait", unit: "s", help: "How long they waited for a connection.", labels: [service])
        func connections(_ state: String) -> Counter {
            registry.counter(
                "patchbay.transfers.connections", unit: "{connection}",
                help: "Connections that were opened, or reused.",
                labels: [service, Attribute("state", .string(state))])
        }
        opened = connections("opened")
        reused = connections("reused")
        inUse = registry.gauge(
            "patchbay.transfers.in_use", unit: "{connection}", help: "Transfers under way.", labels: [service])
        waiting = registry.gauge(
            "patchbay.transfers.waiting", unit: "{transfer}", help: "Transfers that wait for a connection.",
            labels: [service])
    }

    /// Times in nanoseconds.
    func waited(_ nanoseconds: UInt64) { wait.record(Double(nanoseconds) / 1e9) }

    func ended(_ answer: TransferAnswer, after nanoseconds: UInt64) {
        duration.record(Double(nanoseconds) / 1e9)
        let outcome = answer.fault?.name ?? "\(answer.status / 100)xx"
        registry.counter(
            "patchbay.transfers.total", unit: "{transfer}", help: "Requests and mails of modules, by outcome.",
            labels: [service, Attribute("outcome", .string(outcome))]
        ).add(1)
    }

    func connected(_ answer: TransferAnswer) {
        if answer.isReused {
            reused.add(1)
        } else if !answer.isUnsent {
            opened.add(1)
        }
    }
}
