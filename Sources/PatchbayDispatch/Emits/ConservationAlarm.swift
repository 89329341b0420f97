package import PatchbayEvents

/// The event by which the host tells routes that deliveries are unaccounted for.
package enum ConservationAlarm {
    package static let type = "patchbay.alarm.conservation"

    /// Its data is `{"drift": …}`, what does not add up in words.
    package static func event(_ drift: String, unixNow: UInt64) -> Event {
        Event(
            id: "conservation-\(unixNow)", source: "//patchbay/host", type: type, time: UnixTime.text(unixNow),
            datacontenttype: "application/json", data: Value.object([("drift", .string(drift))]).json)
    }
}
