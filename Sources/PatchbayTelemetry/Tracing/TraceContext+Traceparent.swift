extension TraceContext {
    /// Bytes of a formatted `traceparent`.
    package static let traceparentBytes = 55

    /// Reads a `traceparent` value; `nil` when it is to be ignored and a new trace begun.
    ///
    /// Surrounding spaces and tabs are dropped. Versions after 00 are read as 00 with an optional `-…` tail; version
    /// ff, uppercase hexadecimal and all-zero ids are refused. Flags that level 2 does not know are cleared. Allocates
    /// nothing.
    ///
    /// - Source: W3C Trace Context, "Traceparent Header" and "Versioning of traceparent"
    package init?(traceparent bytes: UnsafeRawBufferPointer) {
        let text = Self.trimmed(bytes)
        guard text.count >= Self.traceparentBytes, text[2] == dash, text[35] == dash, text[52] == dash,
            let version = hexadecimal(text, 0, 2), version != 0xff,
            let high = hexadecimal(text, 3, 16), let low = hexadecimal(text, 19, 16),
            let span = hexadecimal(text, 36, 16), let flags = hexadecimal(text, 53, 2)
        else { return nil }
        if text.count > Self.traceparentBytes {
            guard version > 0, text[Self.traceparentBytes] == dash else { return nil }
        }
        guard high | low != 0, span != 0 else { return nil }
        self.init(
            traceID: TraceID(high: high, low: low), spanID: span,
            flags: UInt8(flags) & (Flag.sampled | Flag.random), isRemote: true)
    }

    /// Reads a `traceparent` value, as `init(traceparent:)` for bytes does.
    package init?(traceparent text: String) {
        var text = text
        let read = text.withUTF8 { TraceContext(traceparent: UnsafeRawBufferPointer($0)) }
        guard let read else { return nil }
        self = read
    }

    /// Writes the 55 bytes of the version 00 `traceparent`; nothing when `buffer` is shorter. Allocates nothing.
    ///
    /// - Returns: the bytes needed, 55.
    @discardableResult
    package func writeTraceparent(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard buffer.count >= Self.traceparentBytes else { return Self.traceparentBytes }
        buffer[0] = 0x30
        buffer[1] = 0x30
        buffer[2] = dash
        writeHexadecimal(traceID.high, digits: 16, into: buffer, at: 3)
        writeHexadecimal(traceID.low, digits: 16, into: buffer, at: 19)
        buffer[35] = dash
        writeHexadecimal(spanID, digits: 16, into: buffer, at: 36)
        buffer[52] = dash
        writeHexadecimal(UInt64(flags), digits: 2, into: buffer, at: 53)
        return Self.traceparentBytes
    }

    /// The version 00 `traceparent` as text.
    package var traceparent: String {
        String(unsafeUninitializedCapacity: Self.traceparentBytes) {
            writeTraceparent(into: UnsafeMutableRawBufferPointer($0))
        }
    }

    private static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var range = bytes.startIndex..<bytes.endIndex
        while let first = range.first, isOptionalSpace(bytes[first]) { range = (first + 1)..<range.upperBound }
        while let last = range.last, isOptionalSpace(bytes[last]) { range = range.lowerBound..<last }
        return UnsafeRawBufferPointer(rebasing: bytes[range])
    }
}

extension TraceID {
    /// 32 lowercase hexadecimal digits.
    package var hexadecimal: String { hexadecimalText(high) + hexadecimalText(low) }
}

/// Sixteen lowercase hexadecimal digits, the text form of a span id.
package func hexadecimalText(_ value: UInt64) -> String {
    String(unsafeUninitializedCapacity: 16) {
        writeHexadecimal(value, digits: 16, into: UnsafeMutableRawBufferPointer($0), at: 0)
        return 16
    }
}

private let dash: UInt8 = 0x2d

func isOptionalSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

private func hexadecimal(_ text: UnsafeRawBufferPointer, _ start: Int, _ digits: Int) -> UInt64? {
    var value: UInt64 = 0
    for index in start..<(start + digits) {
        let digit: UInt8
        switch text[index] {
        case 0x30...0x39: digit = text[index] - 0x30
        case 0x61...0x66: digit = text[index] - 0x61 + 10
        default: return nil
        }
        value = value << 4 | UInt64(digit)
    }
    return value
}

private func writeHexadecimal(
    _ value: UInt64, digits: Int, into buffer: UnsafeMutableRawBufferPointer, at start: Int
) {
    var rest = value
    for index in (start..<(start + digits)).reversed() {
        let digit = UInt8(truncatingIfNeeded: rest & 0xf)
        buffer[index] = digit < 10 ? 0x30 + digit : 0x61 + digit - 10
        rest >>= 4
    }
}
