extension Format<Duration> {
    /// A span of time: `500ms`, `1h30m`, `7d`, or ISO 8601 as `PT5M`.
    static func duration(_ range: ClosedRange<Duration> = .zero...DurationText.longest) -> Self {
        Format(
            read: { node, path, reading in
                guard let scalar = reading.scalar(node, path, expected: "a duration") else { return nil }
                guard let duration = DurationText.parse(scalar.text) else {
                    let isNumber = scalar.number != nil
                    reading.fail(
                        .badValue, "\(scalar.quoted) is not a duration", at: node.location, path,
                        accepted: DurationText.examples,
                        remedy: isNumber ? "say the unit, as in \(scalar.written)s or \(scalar.written)ms" : nil)
                    return nil
                }
                return reading.inRange(duration, range, node, path, show: DurationText.format)
            },
            show: { .string(DurationText.format($0)) },
            schema: {
                Schema.type("string", ("pattern", .string(DurationText.pattern)))
            })
    }
}

/// The text of durations.
package enum DurationText {
    static let examples = ["500ms", "30s", "5m", "1h30m", "24h", "7d", "PT5M"]
    static let pattern: String = {
        let short = descending(["d", "h", "m", "s", "ms", "us", "ns"])
        let (days, time) = (descending(["W", "D"]), descending(["H", "M", "S"]))
        return #"^(\#(short)|P(\#(days)|\#(days)?T\#(time))|.*\$\{.+)$"#
    }()

    /// Amounts of at least one of `units`, each at most once and in this order.
    private static func descending(_ units: [String]) -> String {
        let amounts = units.map { #"[0-9]+(\.[0-9]{1,9})?"# + $0 }
        let choices = amounts.indices.map { first in
            amounts[first] + amounts[(first + 1)...].map { "(\($0))?" }.joined()
        }
        return "(\(choices.joined(separator: "|")))"
    }

    /// A hundred years; longer ones do not fit nanoseconds.
    static let longest = Duration.seconds(36_500 * 86_400)

    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("ns", 1), ("us", 1000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
        ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
    ]

    /// `nil` when `text` is not a duration or is over 292 years.
    package static func parse(_ text: String) -> Duration? {
        if text.hasPrefix("P") { return parseISO(text.dropFirst()) }
        var rest = text[...]
        var total: Int64 = 0
        var above = Int64.max
        guard !rest.isEmpty else { return nil }
        while !rest.isEmpty {
            guard let amount = takeNumber(&rest) else { return nil }
            let name = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(name.count)
            // Each unit once, the larger one first: `30m1h` is rather a mistake than an hour and a half.
            guard let unit = units.first(where: { $0.name == name })?.nanoseconds, unit < above else { return nil }
            above = unit
            guard let sum = add(amount, unit, to: total) else { return nil }
            total = sum
        }
        return .nanoseconds(total)
    }

    /// ISO 8601 behind its `P`; years and months have no fixed length and are refused.
    private static func parseISO(_ text: Substring) -> Duration? {
        var rest = text
        var total: Int64 = 0
        var above = Int64.max
        var inTime = false
        var any = false
        while !rest.isEmpty {
            if rest.first == "T", !inTime {
                (inTime, any) = (true, false)
                rest = rest.dropFirst()
                continue
            }
            guard let amount = takeNumber(&rest), let letter = rest.popFirst() else { return nil }
            let unit: Int64
            switch (letter, inTime) {
            case ("W", false): unit = 7 * 86_400_000_000_000
            case ("D", false): unit = 86_400_000_000_000
            case ("H", true): unit = 3_600_000_000_000
            case ("M", true): unit = 60_000_000_000
            case ("S", true): unit = 1_000_000_000
            default: return nil
            }
            guard unit < above, let sum = add(amount, unit, to: total) else { return nil }
            (above, total, any) = (unit, sum, true)
        }
        return any ? .nanoseconds(total) : nil
    }

    /// Digits with at most one dot between them, as a whole and a fraction of `scale`ths.
    private static func takeNumber(_ rest: inout Substring) -> (whole: Int64, fraction: Substring)? {
        let digits = rest.prefix { ("0"..."9").contains($0) }
        guard let whole = Int64(digits) else { return nil }
        rest = rest.dropFirst(digits.count)
        guard rest.first == "." else { return (whole, "") }
        let fraction = rest.dropFirst().prefix { ("0"..."9").contains($0) }
        guard !fraction.isEmpty, fraction.count <= 9 else { return nil }
        rest = rest.dropFirst(1 + fraction.count)
        return (whole, fraction)
    }

    private static func add(
        _ amount: (whole: Int64, fraction: Substring), _ unit: Int64, to total: Int64
    ) -> Int64? {
        let (product, overflow) = amount.whole.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        var fraction: Int64 = 0
        if let digits = Int64(amount.fraction) {
            let scale = (0..<amount.fraction.count).reduce(Int64(1)) { scale, _ in scale * 10 }
            // At most 999,999,999 × a week in nanoseconds is past Int64, so the division comes first where it can.
            fraction = unit / scale * digits + unit % scale * digits / scale
        }
        let (sum, overflowOfSum) = product.addingReportingOverflow(fraction)
        let (result, overflowOfTotal) = sum.addingReportingOverflow(total)
        return overflowOfSum || overflowOfTotal ? nil : result
    }

    /// The shortest exact text: `500ms`, `1m30s`, `7d`.
    package static func format(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        if seconds == 0, attoseconds == 0 { return "0s" }
        var text = ""
        var left = seconds
        for (name, length) in [("d", Int64(86_400)), ("h", 3600), ("m", 60), ("s", 1)] where left / length > 0 {
            text += "\(left / length)\(name)"
            left %= length
        }
        var nanoseconds = attoseconds / 1_000_000_000
        for (name, length) in [("ms", Int64(1_000_000)), ("us", 1000), ("ns", 1)] where nanoseconds / length > 0 {
            text += "\(nanoseconds / length)\(name)"
            nanoseconds %= length
        }
        return text
    }
}

extension Format<Int> {
    /// A number of bytes: `4096`, `1KB`, `256MiB`.
    static func bytes(_ range: ClosedRange<Int>) -> Self {
        Format(
            read: { node, path, reading in
                guard let scalar = reading.scalar(node, path, expected: "a number of bytes") else { return nil }
                guard let bytes = ByteText.parse(scalar.text) else {
                    reading.fail(
                        .badValue, "\(scalar.quoted) is not a number of bytes", at: node.location, path,
                        accepted: ByteText.examples)
                    return nil
                }
                return reading.inRange(bytes, range, node, path, show: ByteText.format)
            },
            show: { bytes in Int64(ByteText.format(bytes)).map { .int($0) } ?? .string(ByteText.format(bytes)) },
            schema: {
                Schema.object(
                    (
                        "anyOf",
                        .list([
                            Schema.type("integer", ("minimum", .int(Int64(range.lowerBound)))),
                            Schema.type("string", ("pattern", .string(ByteText.pattern))),
                        ])
                    ))
            })
    }
}

/// The text of byte counts.
package enum ByteText {
    static let examples = ["4096", "1KB (1000)", "64KiB (65536)", "256MiB", "1GB"]
    static let pattern = #"^([0-9]+(\.[0-9]+)?(B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?|.*\$\{.+)$"#

    private static let units: [(name: String, bytes: Int)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("TB", 1_000_000_000_000),
        ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000), ("B", 1),
    ]

    /// `nil` when `text` is not a whole number of bytes.
    package static func parse(_ text: String) -> Int? {
        let digits = text.prefix { ("0"..."9").contains($0) || $0 == "." }
        let name = text.dropFirst(digits.count).drop { $0 == " " }
        guard let unit = name.isEmpty ? 1 : units.first(where: { $0.name == name })?.bytes else { return nil }
        if let whole = Int(digits) {
            let (bytes, overflow) = whole.multipliedReportingOverflow(by: unit)
            return overflow ? nil : bytes
        }
        guard digits.first != ".", digits.last != ".", let number = Double(digits) else { return nil }
        let bytes = number * Double(unit)
        return bytes == bytes.rounded() && bytes < 9e18 ? Int(bytes) : nil
    }

    /// The shortest exact text: `256MiB`, `1500`.
    package static func format(_ bytes: Int) -> String {
        guard bytes > 0, let unit = units.first(where: { bytes % $0.bytes == 0 }), unit.bytes > 1 else {
            return "\(bytes)"
        }
        return "\(bytes / unit.bytes)\(unit.name)"
    }
}
