import PatchbayEvents

let timeFunctions: [Function] =
    calendarFunctions("getFullYear") { Int64($0.year) }
    + calendarFunctions("getMonth") { Int64($0.month - 1) }
    + calendarFunctions("getDayOfYear") { Int64($0.dayOfYear) }
    + calendarFunctions("getDayOfMonth") { Int64($0.day - 1) }
    + calendarFunctions("getDate") { Int64($0.day) }
    + calendarFunctions("getDayOfWeek") { Int64($0.weekday) }
    + clockFunctions("getHours", { Int64($0.hour) }) { $0.components.seconds / 3_600 }
    + clockFunctions("getMinutes", { Int64($0.minute) }) { $0.components.seconds / 60 }
    + clockFunctions("getSeconds", { Int64($0.second) }) { $0.components.seconds }
    + millisecondFunctions

private typealias Civil = Value.Timestamp.Civil

/// A part of a date, in UTC or in the zone that an argument names.
private func calendarFunctions(_ name: String, _ part: @escaping @Sendable (Civil) -> Int64) -> [Function] {
    [
        .member(name) { (time, _) throws(EvaluationError) in .int(part(try civil(time, zone: nil))) },
        .member(name) { (time, zone, _) throws(EvaluationError) in .int(part(try civil(time, zone: zone))) },
    ]
}

/// The same; of a duration, the whole of it in that unit.
private func clockFunctions(
    _ name: String, _ part: @escaping @Sendable (Civil) -> Int64, _ whole: @escaping @Sendable (Duration) -> Int64
) -> [Function] {
    [
        .member(name) { (value, _) throws(EvaluationError) in
            if case .duration(let duration) = value { return .int(whole(duration)) }
            return .int(part(try civil(value, zone: nil)))
        },
        .member(name) { (time, zone, _) throws(EvaluationError) in .int(part(try civil(time, zone: zone))) },
    ]
}

private let millisecondFunctions: [Function] = [
    .member("getMilliseconds") { (value, _) throws(EvaluationError) in
        switch value {
        case .duration(let duration): return .int(duration.components.attoseconds / 1_000_000_000_000_000)
        case .timestamp(let time): return .int(Int64(time.nanoseconds / 1_000_000))
        default: throw .overload
        }
    },
    .member("getMilliseconds") { (time, zone, _) throws(EvaluationError) in
        guard case .timestamp(let time) = time, case .string = zone else { throw .overload }
        return .int(Int64(time.nanoseconds / 1_000_000))
    },
]

private func civil(_ value: Value, zone: Value?) throws(EvaluationError) -> Civil {
    guard case .timestamp(let time) = value else { throw .overload }
    guard let zone else { return Civil(secondsSinceEpoch: time.seconds) }
    let name = try zone.asString()
    guard let rules = TimeZoneRules.named(name) else {
        throw EvaluationError(.invalidArgument, "no time zone is named \(zone.display)")
    }
    return Civil(secondsSinceEpoch: time.seconds + Int64(rules.secondsEast(at: time.seconds)))
}
