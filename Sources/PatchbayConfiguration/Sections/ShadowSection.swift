extension Configuration.Shadow {
    static let section = Section<Self>(
        "a shadow", { Self(handler: .init(name: "", location: .none)) },
        [
            Key(
                "handler", \.handler, .handler, "The handler that is tried, as module.handler; of a module.",
                example: .string("billing-next.charge"), required: true),
            Key(
                "sample", \.sample, .share,
                "The share of ordering keys, or of events without one, that it is tried with.",
                example: .string("10%")),
            Key(
                "beside", \.beside, Format<Configuration.HandlerReference>.handler.optional,
                "The handler of 'to' whose calls its calls are compared with; where that has only one, that one.",
                example: .string("billing.charge"), shownIf: { $0.beside != nil }),
        ])
}

extension Format<Int> {
    /// A share of 10,000: `10%`, `0.5%`, or a number up to 1.
    static let share = Format(
        read: { node, path, reading in
            guard let scalar = reading.scalar(node, path, expected: "a share") else { return nil }
            guard let share = ShareText.parse(scalar.text) else {
                let isWhole = scalar.number.map { $0 > 1 && $0 <= 100 } ?? false
                reading.fail(
                    .badValue, "\(scalar.quoted) is not a share", at: node.location, path,
                    accepted: ShareText.examples,
                    remedy: isWhole ? "say the unit, as in \(scalar.written)%" : nil)
                return nil
            }
            return share
        },
        show: { .string(ShareText.format($0)) },
        schema: {
            Schema.object(
                (
                    "anyOf",
                    .list([
                        Schema.type("number", ("minimum", .int(0)), ("maximum", .int(1))),
                        Schema.type("string", ("pattern", .string(ShareText.pattern))),
                    ])
                ))
        })
}

/// The text of shares, which are whole parts of 10,000.
enum ShareText {
    static let examples = ["10%", "0.5%", "0.1", "1", "0% to 100%, in steps of 0.01%"]
    static let pattern = #"^((100(\.0{1,2})?|[0-9]{1,2}(\.[0-9]{1,2})?)%|0(\.[0-9]{1,4})?|1(\.0{1,4})?|.*\$\{.+)$"#

    /// `nil` when `text` is no share, is over the whole or finer than a ten-thousandth.
    static func parse(_ text: String) -> Int? {
        let isPercent = text.hasSuffix("%")
        let digits = isPercent ? text.dropLast() : text[...]
        guard digits.allSatisfy({ ("0"..."9").contains($0) || $0 == "." }), digits.first != ".", digits.last != ".",
            let number = Double(digits)
        else { return nil }
        let parts = number * (isPercent ? 100 : 10_000)
        guard parts <= 10_000, abs(parts - parts.rounded()) < 1e-6 else { return nil }
        return Int(parts.rounded())
    }

    /// `10%`, `0.05%`.
    static func format(_ share: Int) -> String {
        let (whole, rest) = share.quotientAndRemainder(dividingBy: 100)
        guard rest > 0 else { return "\(whole)%" }
        return rest % 10 == 0 ? "\(whole).\(rest / 10)%" : "\(whole).\(rest < 10 ? "0" : "")\(rest)%"
    }
}
