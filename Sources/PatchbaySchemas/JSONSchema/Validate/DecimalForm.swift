import PatchbayEvents

/// A number as decimal digits and a power of ten, so that 0.3 is a multiple of 0.1 as it is written.
struct DecimalForm: Sendable, Hashable {
    let digits: UInt64
    let exponent: Int

    /// Without the sign; `nil` for what is no finite number. A double has the shortest digits that round back to it.
    init?(_ value: Value) {
        switch value {
        case .int(let number): self.init(digits: number.magnitude, exponent: 0)
        case .uint(let number): self.init(digits: number, exponent: 0)
        case .double(let number):
            guard number.isFinite else { return nil }
            self.init(shortest: number.magnitude.description)
        default: return nil
        }
    }

    /// From what Swift prints: `0.0075`, `12.0`, `1e+308`, `1.5e-07`.
    private init?(shortest text: String) {
        var digits: UInt64 = 0
        var exponent = 0
        var isFraction = false
        var rest = text.utf8[...]
        while let byte = rest.first, byte != UInt8(ascii: "e") {
            rest = rest.dropFirst()
            guard byte != UInt8(ascii: ".") else {
                isFraction = true
                continue
            }
            // At most 17 digits count; further ones of large whole numbers are zeros.
            if digits < 100_000_000_000_000_000 {
                digits = digits * 10 + UInt64(byte - UInt8(ascii: "0"))
                if isFraction { exponent -= 1 }
            } else if !isFraction {
                exponent += 1
            }
        }
        if !rest.isEmpty {
            guard let power = Int(String(Substring(rest.dropFirst()))) else { return nil }
            exponent += power
        }
        self.init(digits: digits, exponent: exponent)
    }

    private init(digits: UInt64, exponent: Int) {
        self.digits = digits
        self.exponent = exponent
    }

    /// Exact.
    func isMultiple(of divisor: DecimalForm) -> Bool {
        guard digits != 0 else { return true }
        guard divisor.digits != 0 else { return false }
        var power = exponent - divisor.exponent
        var rest = digits
        while power < 0 {
            // The divisor times a power of ten divides only what that power of ten divides.
            guard rest % 10 == 0 else { return false }
            rest /= 10
            power += 1
        }
        rest %= divisor.digits
        for _ in 0..<power where rest != 0 {
            let product = rest.multipliedFullWidth(by: 10)
            rest = divisor.digits.dividingFullWidth(product).remainder
        }
        return rest == 0
    }
}
