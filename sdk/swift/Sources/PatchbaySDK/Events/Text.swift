public import CPatchbay

/// UTF-8 text of the host that is borrowed for as long as its event is: compare it in place, or copy it with `String(_:)`.
@frozen
public struct Text: ~Escapable {
    @usableFromInline let start: UnsafePointer<UInt8>?
    /// Bytes; 0 for an absent attribute.
    public let count: Int

    @_lifetime(borrow owner)
    @inlinable
    init<Owner: ~Copyable>(_ text: patchbay_str, of owner: borrowing Owner) {
        start = UnsafeRawPointer(text.ptr)?.assumingMemoryBound(to: UInt8.self)
        count = Int(text.len)
    }

    /// Whether there is no text; an absent attribute is empty.
    @inlinable public var isEmpty: Bool { count == 0 }

    @usableFromInline var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }

    /// Byte by byte, without copying.
    public static func == (text: borrowing Text, other: StaticString) -> Bool {
        text.count == other.utf8CodeUnitCount
            && text.bytes.elementsEqual(UnsafeBufferPointer(start: other.utf8Start, count: text.count))
    }

    /// Byte by byte.
    public static func == (text: borrowing Text, other: String) -> Bool {
        text.bytes.elementsEqual(other.utf8)
    }

    /// Whether the text starts with these bytes.
    public func hasPrefix(_ prefix: StaticString) -> Bool {
        count >= prefix.utf8CodeUnitCount
            && bytes.starts(with: UnsafeBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount))
    }
}

extension String {
    /// Copies the text.
    public init(_ text: borrowing Text) {
        self = String(decoding: text.bytes, as: UTF8.self)
    }

    init(_ text: patchbay_str) {
        let start = UnsafeRawPointer(text.ptr)?.assumingMemoryBound(to: UInt8.self)
        self = String(decoding: UnsafeBufferPointer(start: start, count: Int(text.len)), as: UTF8.self)
    }

    /// Lends the text to the host for the duration of `body`.
    func withText<R, E: Error>(_ body: (patchbay_str) throws(E) -> R) throws(E) -> R {
        var copy = self
        let result = copy.withUTF8 { bytes in
            Result { () throws(E) in
                try body(
                    patchbay_str(
                        ptr: UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self),
                        len: UInt64(bytes.count)))
            }
        }
        return try result.get()
    }
}

extension DefaultStringInterpolation {
    /// Copies the text into the string, as in `"paid by \(event.subject)"`.
    public mutating func appendInterpolation(_ text: borrowing Text) {
        appendLiteral(String(text))
    }
}

extension StaticString {
    var text: patchbay_str {
        patchbay_str(
            ptr: UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self), len: UInt64(utf8CodeUnitCount))
    }
}

/// Lends names and values to the host for the duration of `body`, as one allocation.
func withPairs<R>(_ pairs: [(String, String)], _ body: (UnsafePointer<patchbay_kv>?, UInt64) -> R) -> R {
    guard !pairs.isEmpty else { return body(nil, 0) }
    var bytes: [UInt8] = []
    var lengths: [Int] = []
    for (key, value) in pairs {
        for text in [key, value] {
            lengths.append(text.utf8.count)
            bytes.append(contentsOf: text.utf8)
        }
    }
    return bytes.withUnsafeBytes { raw in
        var offset = 0
        var next = 0
        func text() -> patchbay_str {
            defer {
                offset += lengths[next]
                next += 1
            }
            return patchbay_str(
                ptr: raw.baseAddress.map { ($0 + offset).assumingMemoryBound(to: CChar.self) },
                len: UInt64(lengths[next]))
        }
        var lent: [patchbay_kv] = []
        for _ in pairs { lent.append(patchbay_kv(key: text(), value: text())) }
        return lent.withUnsafeBufferPointer { body($0.baseAddress, UInt64($0.count)) }
    }
}
