extension Value {
    /// How two numbers compare; `unordered` when one is a NaN.
    package enum NumericOrder: Sendable { case less, equal, greater, unordered }

    /// How two numbers of any of the three types compare by value; `nil` when one is no number.
    package static func numericOrder(_ a: Value, _ b: Value) -> NumericOrder? {
        switch (a, b) {
        case (.int(let a), .int(let b)): order(a, b)
        case (.uint(let a), .uint(let b)): order(a, b)
        case (.double(let a), .double(let b)): order(a, b)
        case (.int(let a), .uint(let b)): a < 0 ? .less : order(UInt64(a), b)
        case (.uint(let a), .int(let b)): b < 0 ? .greater : order(a, UInt64(b))
        case (.int(let a), .double(let b)): order(a, b)
        case (.double(let a), .int(let b)): order(b, a).flipped
        case (.uint(let a), .double(let b)): order(a, b)
        case (.double(let a), .uint(let b)): order(b, a).flipped
        default: nil
        }
    }

    /// Near 2⁶³ many integers share a double: within the type's range the integer is rounded to one, as CEL has it.
    package static func order(_ a: Int64, _ b: Double) -> NumericOrder {
        b > 0x1p63 ? .less : b < -0x1p63 ? .greater : order(Double(a), b)
    }

    package static func order(_ a: UInt64, _ b: Double) -> NumericOrder {
        b > 0x1p64 ? .less : b < 0 ? .greater : order(Double(a), b)
    }

    private static func order<T: BinaryInteger>(_ a: T, _ b: T) -> NumericOrder {
        a < b ? .less : a > b ? .greater : .equal
    }

    private static func order(_ a: Double, _ b: Double) -> NumericOrder {
        a < b ? .less : a > b ? .greater : a == b ? .equal : .unordered
    }
}

extension Value.NumericOrder {
    package var flipped: Self {
        switch self {
        case .less: .greater
        case .greater: .less
        case .equal, .unordered: self
        }
    }
}
