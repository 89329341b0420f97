extension Duration {
    /// A signed sequence of decimal numbers with units, such as `1h45m`, `-1.5h` or `250ms`; `nil` for anything else
    /// and for what does not fit in 64 bits of nanoseconds. Units: `ns`, `us`, `µs`, `ms`, `s`, `m`, `h`.
    package init?(unitText text: String) {
        var rest = Substring(text)
        let negative = rest.first == "-"
        if negative || rest.first == "+" { rest.removeFirst() }
        if rest == "0" {
            self = .zero
            return
        }
        guard !rest.isEmpty else { return nil }
        var sum = Duration.zero
        while !rest.isEmpty {
            guard let part = Self.part(&rest) else { return nil }
            sum += part
            guard sum.nanoseconds64 != nil else { return nil }
        }
        self = negative ? .zero - sum : sum
    }

    /// Whole nanoseconds, or `nil` when they do not fit.
    package var nanoseconds64: Int64? {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return nil }
        let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? nil : sum
    }

    /// Seconds with as many fractional digits as are needed: `90s`, `-0.25s`.
    package var secondsText: String {
        let (seconds, attoseconds) = components
        let sign = self < .zero ? "-" : ""
        let fraction = Value.Timestamp.fraction(nanoseconds: Int((attoseconds / 1_000_000_000).magnitude))
        return "\(sign)\(seconds.magnitude)\(fraction)s"
    }

    private static func part(_ rest: inout Substring) -> Duration? {
        let isDigit = { (character: Character) in character.isASCII && character.isWholeNumber }
        let whole = rest.prefix(while: isDigit)
        rest = rest.dropFirst(whole.count)
        var fraction: Substring = ""
        if rest.first == "." {
            rest.removeFirst()
            fraction = rest.prefix(while: isDigit)
            rest = rest.dropFirst(fraction.count)
        }
        guard !whole.isEmpty || !fraction.isEmpty, whole.count <= 19, fraction.count <= 30 else { return nil }
        let name = rest.prefix { !isDigit($0) && $0 != "." }
        rest = rest.dropFirst(name.count)
        guard let unit = units[String(name)], let count = whole.isEmpty ? 0 : Int64(whole) else { return nil }
        let (nanoseconds, overflow) = count.multipliedReportingOverflow(by: unit)
        guard !overflow else { return nil }
        var tail: Int64 = 0
        var scale = unit
        for digit in fraction {
            scale /= 10
            tail += Int64(digit.wholeNumberValue ?? 0) * scale
        }
        return .nanoseconds(nanoseconds) + .nanoseconds(tail)
    }

    private static let units: [String: Int64] = [
        "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000,
        "h": 3_600_000_000_000,
    ]
}
