import Logging

/// One log line as bytes; pure.
struct LogLine {
    /// Unix nanoseconds.
    var time: UInt64
    var level: Logger.Level
    var label: String
    var message: String
    /// By key.
    var metadata: [(key: String, value: Logger.MetadataValue)]

    func rendered(_ format: LogFormat, colour: Bool) -> [UInt8] {
        format == .json ? json() : human(colour: colour)
    }

    private func human(colour: Bool) -> [UInt8] {
        var line = ConsoleText()
        line.append(readableTime(time) + " ", .dim)
        let name = level.rawValue
        line.append(name + String(repeating: " ", count: max(8 - name.count, 1)), tone)
        line.append(untrusted: label, .dim, limit: 60)
        line.append(": ", .dim)
        line.append(untrusted: message, level >= .error ? .strong : .plain, limit: 4_096)
        for (key, value) in metadata {
            line.append("  ")
            line.append(untrusted: key, .dim, limit: 60)
            line.append("=", .dim)
            line.append(untrusted: "\(value)", limit: 1_024)
        }
        // On a terminal there may be a line of progress, which is written anew behind this one.
        return Array(((colour ? "\r\u{1B}[K" : "") + line.rendered(colour: colour) + "\n").utf8)
    }

    private var tone: Tone {
        switch level {
        case .trace, .debug: .dim
        case .info, .notice: .good
        case .warning: .warning
        case .error, .critical: .bad
        }
    }

    private func json() -> [UInt8] {
        var json = JSONText()
        json.object {
            for (key, text) in [
                ("time", readableTimestamp(time)), ("level", level.rawValue), ("logger", label), ("message", message),
            ] {
                $0.key(key)
                $0.string(text)
            }
            for (key, value) in metadata {
                $0.key(Self.reserved.contains(key) ? "_" + key : key)
                Self.write(value, to: &$0)
            }
        }
        json.newline()
        return json.bytes
    }

    private static let reserved = ["time", "level", "logger", "message"]

    private static func write(_ value: Logger.MetadataValue, to json: inout JSONText) {
        switch value {
        case .array(let values): json.array { json in values.forEach { write($0, to: &json) } }
        case .dictionary(let members):
            json.object { json in
                for (key, value) in members.sorted(by: { $0.key < $1.key }) {
                    json.key(key)
                    write(value, to: &json)
                }
            }
        default: json.string("\(value)")
        }
    }
}

/// Unix nanoseconds as RFC 3339 in UTC with milliseconds: `2026-11-21T14:03:22.117Z`.
///
/// - Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`
package func readableTimestamp(_ unixNanoseconds: UInt64) -> String {
    let shifted = Int64(unixNanoseconds / 86_400_000_000_000) + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return "\(year)-\(two(month))-\(two(day))T\(readableTime(unixNanoseconds))Z"
}
