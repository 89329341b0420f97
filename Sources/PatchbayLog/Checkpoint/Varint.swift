/// Numbers in as few bytes as they need: LEB128, 7 bits a byte, lowest first.
extension ByteWriter {
    mutating func append(varint value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func append(varint value: Int) { append(varint: UInt64(value)) }

    /// A text with its length before it.
    package mutating func append(counted text: String) {
        append(varint: text.utf8.count)
        append(text)
    }
}

extension ByteReader {
    mutating func nextVarint() throws(LogFormatError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let byte = try next(UInt8.self)
            guard shift < 63 || byte <= 1 else { throw LogFormatError("a number has more than 64 bits") }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }

    /// A number that a narrower type holds.
    mutating func nextVarint<T: FixedWidthInteger>(as type: T.Type) throws(LogFormatError) -> T {
        guard let value = T(exactly: try nextVarint()) else { throw LogFormatError("a number is out of range") }
        return value
    }

    package mutating func nextCountedText() throws(LogFormatError) -> String { try text(try nextVarint(as: Int.self)) }
}
