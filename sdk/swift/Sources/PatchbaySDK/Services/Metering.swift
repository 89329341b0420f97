import CPatchbay

/// An instrument that a handler declared in its `init`. Recording is cheap and never blocks.
public struct Instrument: Sendable {
    let owner: ServicesOwner
    var services: ServicesReference { owner.reference }
    let id: UInt32

    /// Adds to a counter, replaces a gauge, or adds to a distribution.
    public func record(_ value: Double, _ attributes: KeyValuePairs<String, String> = [:]) {
        guard let meter = services.pointee.meter else { return }
        withPairs(attributes.map { ($0.key, $0.value) }) { pairs, count in
            meter.pointee.record(services.pointee.host, id, value, pairs, count)
        }
    }
}

extension Host {
    /// Declares a counter that only grows. `unit` is a UCUM unit such as `By`, `ms` or `{order}`.
    ///
    /// Only inside `init`; throws `state` later, `conflict` for a name with another kind or unit, `limit`. Without a
    /// metering host the instrument does nothing.
    public func counter(_ name: String, unit: String = "1", help: String = "") throws(ServiceError) -> Instrument {
        try declare(Int32(PATCHBAY_METER_COUNTER), name, unit, help)
    }

    /// Declares a counter that may shrink. Otherwise as `counter`.
    public func upDownCounter(_ name: String, unit: String = "1", help: String = "") throws(ServiceError) -> Instrument
    {
        try declare(Int32(PATCHBAY_METER_UP_DOWN), name, unit, help)
    }

    /// Declares a value that is replaced. Otherwise as `counter`.
    public func gauge(_ name: String, unit: String = "1", help: String = "") throws(ServiceError) -> Instrument {
        try declare(Int32(PATCHBAY_METER_GAUGE), name, unit, help)
    }

    /// Declares a distribution. Otherwise as `counter`.
    public func histogram(_ name: String, unit: String = "1", help: String = "") throws(ServiceError) -> Instrument {
        try declare(Int32(PATCHBAY_METER_HISTOGRAM), name, unit, help)
    }

    private func declare(_ kind: Int32, _ name: String, _ unit: String, _ help: String) throws(ServiceError)
        -> Instrument
    {
        guard let meter = services.pointee.meter else { return Instrument(owner: owner, id: 0) }
        var id: UInt32 = 0
        let status = name.withText { name in
            unit.withText { unit in
                help.withText { help in meter.pointee.declare(services.pointee.host, kind, name, unit, help, &id) }
            }
        }
        try ServiceError.check(status, "meter.declare")
        return Instrument(owner: owner, id: id)
    }
}
