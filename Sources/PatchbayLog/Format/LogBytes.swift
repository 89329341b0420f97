/// A growing buffer that records are written to, little-endian; reused, so that a steady state allocates nothing.
package struct ByteWriter: ~Copyable {
    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    package private(set) var count = 0

    package init(capacity: Int = 4096) {
        self.capacity = max(64, capacity)
        base = .allocate(byteCount: self.capacity, alignment: 64)
    }

    deinit { base.deallocate() }

    /// What was written so far; valid until the next write.
    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    package var isEmpty: Bool { count == 0 }

    /// Forgets what was written, and keeps at most `keeping` bytes of room.
    package mutating func removeAll(keeping: Int = .max) {
        count = 0
        guard capacity > keeping else { return }
        base.deallocate()
        capacity = max(64, keeping)
        base = .allocate(byteCount: capacity, alignment: 64)
    }

    /// Forgets the last `bytes` bytes.
    package mutating func removeLast(_ bytes: Int) { count -= bytes }

    @inline(__always) package mutating func append<T: FixedWidthInteger>(_ value: T) {
        reserve(MemoryLayout<T>.size)
        base.storeBytes(of: value.littleEndian, toByteOffset: count, as: T.self)
        count += MemoryLayout<T>.size
    }

    package mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        reserve(bytes.count)
        (base + count).copyMemory(from: source, byteCount: bytes.count)
        count += bytes.count
    }

    package mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
    }

    package mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

    /// Zeros up to the next multiple of `alignment`.
    package mutating func pad(to alignment: Int) {
        while count % alignment != 0 { append(UInt8(0)) }
    }

    /// Room for `bytes` more, filled with zeros; where they start.
    package mutating func skip(_ bytes: Int) -> Int {
        reserve(bytes)
        (base + count).initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        count += bytes
        return count - bytes
    }

    /// Writes over what was written before.
    package mutating func set<T: FixedWidthInteger>(_ value: T, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count, "past what was written")
        base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }

    package mutating func reserve(_ bytes: Int) {
        guard count + bytes > capacity else { return }
        let grown = max(capacity * 2, count + bytes)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: grown, alignment: 64)
        moved.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = moved
        capacity = grown
    }
}

/// Reads records out of bytes that may be anything: every read is checked, and past the end is an error.
package struct ByteReader {
    package let bytes: UnsafeRawBufferPointer
    package private(set) var offset = 0

    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    package var remaining: Int { bytes.count - offset }
    package var isAtEnd: Bool { offset == bytes.count }

    @inline(__always) package mutating func next<T: FixedWidthInteger>(
        _ type: T.Type = T.self
    ) throws(LogFormatError) -> T {
        guard remaining >= MemoryLayout<T>.size else { throw LogFormatError.short }
        defer { offset += MemoryLayout<T>.size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    package mutating func take(_ count: Int) throws(LogFormatError) -> UnsafeRawBufferPointer {
        guard count >= 0, remaining >= count else { throw LogFormatError.short }
        defer { offset += count }
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)])
    }

    package mutating func text(_ count: Int) throws(LogFormatError) -> String {
        guard let text = String(validating: try take(count), as: UTF8.self) else { throw LogFormatError.text }
        return text
    }

    package mutating func skipPadding(to alignment: Int) throws(LogFormatError) {
        let rest = offset % alignment
        if rest != 0 { _ = try take(alignment - rest) }
    }
}

/// Bytes of the log that are not what the format says. Whoever reads a frame adds where.
package struct LogFormatError: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String
    /// The bytes are what was written, by another version of this program.
    package let isUnsupported: Bool

    package init(_ description: String, isUnsupported: Bool = false) {
        self.description = description
        self.isUnsupported = isUnsupported
    }

    static let short = LogFormatError("a record ends before its fields do")
    static let text = LogFormatError("a text is not valid UTF-8")
}
