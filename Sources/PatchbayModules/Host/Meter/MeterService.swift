import CPatchbay
import PatchbayEvents
import PatchbayTelemetry

/// `patchbay.meter/1` over the host's metrics registry.
enum MeterService {
    static var table: patchbay_meter {
        patchbay_meter(
            size: UInt32(MemoryLayout<patchbay_meter>.size), reserved: 0,
            declare: { host, kind, name, unit, help, id in
                HostBlock.with(host) { context in
                    ServiceRefusal.status { () throws(ServiceRefusal) in
                        try MeterService.declare(context, kind, name, unit, help, id)
                    }
                } ?? .badArgument
            },
            record: { host, id, value, attributes, count in
                _ = HostBlock.with(host) { MeterService.record($0, id, value, attributes, count) }
            })
    }

    private static func declare(
        _ context: HostContext, _ kind: Int32, _ name: patchbay_str, _ unit: patchbay_str, _ help: patchbay_str,
        _ id: UnsafeMutablePointer<UInt32>?
    ) throws(ServiceRefusal) {
        guard context.isCreating else { throw .badState }
        guard let id else { throw .badArgument }
        guard let kind = MetricKind(abi: kind) else { throw .unsupported }
        let description = MetricDescription(
            name: try ForeignText.string(name, max: 255), kind: kind, unit: try ForeignText.string(unit, max: 63),
            help: try ForeignText.string(help, max: 1024))
        let scope = try context.requiredScope().instance
        do throws(MetricsError) {
            id.pointee = try context.environment.metrics.declare(description, scope: scope)
        } catch {
            throw refusal(of: error)
        }
    }

    private static func refusal(of error: MetricsError) -> ServiceRefusal {
        switch error.code {
        case .conflict: .conflict
        case .limit: .limit
        default: .badArgument
        }
    }

    private static func record(
        _ context: HostContext, _ id: UInt32, _ value: Double, _ attributes: UnsafePointer<patchbay_kv>?,
        _ count: UInt64
    ) {
        let labels = ForeignText.attributes(attributes, count, limits: context.environment.limits)
        context.environment.metrics.record(id, value, attributes: labels)
    }
}
