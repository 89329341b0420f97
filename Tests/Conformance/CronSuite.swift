import Foundation
import PatchbaySchedule

/// Cron expressions against robfig/cron and croniter: times that follow, with time zones and changes of the clocks.
let cronSuite = ConformanceSuite(name: "cron", folder: "cron") { folder, report in
    for test in try jsonLines(folder.appendingPathComponent("cron.jsonl")) {
        let id = test["id"] as? String ?? "?"
        if let wrong = cronFailure(test) { report.fail(id, wrong) } else { report.pass() }
    }
}

/// What was expected and came instead; nil when the case passes.
private func cronFailure(_ test: [String: Any]) -> String? {
    guard let text = test["spec"] as? String, let fields = test["fields"] as? Int else { return "no expression" }
    let schedule: CronSchedule
    do {
        schedule = try CronSchedule(text)
    } catch {
        return test["kind"] as? String == "invalid" ? nil : "\(error)"
    }
    switch test["kind"] as? String {
    case "invalid": return "expected a refusal of '\(text)' with \(fields) fields"
    case "fires_at":
        guard let at = unixTime(test["at"]), let expected = test["expected"] as? Bool else { return "no time" }
        let fires = schedule.next(after: at - 1, in: .utc) == at
        return fires == expected ? nil : "expected \(expected) at \(test["at"] ?? "")"
    case "next", "next_n":
        guard let from = unixTime(test["from"]), let zone = zone(test) else { return "no time or time zone" }
        let expected = (test["expected"] as? [Any] ?? [test["expected"] ?? NSNull()]).map(unixTime)
        var at = from
        for (place, time) in expected.enumerated() {
            let next = schedule.next(after: at, in: zone)
            guard next == time else {
                return
                    "time \(place + 1): expected \(time.map { "\($0)" } ?? "none"), got \(next.map { "\($0)" } ?? "none")"
            }
            at = next ?? at
        }
        return nil
    case let kind: return "an unknown kind: \(kind ?? "none")"
    }
}

private func unixTime(_ value: Any?) -> Int64? {
    guard let text = value as? String else { return nil }
    return ISO8601DateFormatter().date(from: text).map { Int64($0.timeIntervalSince1970) }
}

private func zone(_ test: [String: Any]) -> ZoneRules? {
    guard let name = test["timezone"] as? String else { return .utc }
    guard name == "from offset" else { return ZoneRules(identifier: name) }
    // `…+05:30`
    guard let from = test["from"] as? String, !from.hasSuffix("Z") else { return .utc }
    let offset = from.suffix(6).replacingOccurrences(of: ":", with: "")
    guard let number = Int(offset.dropFirst()) else { return nil }
    let seconds = number / 100 * 3_600 + number % 100 * 60
    return ZoneRules(fixed: offset.hasPrefix("-") ? -seconds : seconds)
}
