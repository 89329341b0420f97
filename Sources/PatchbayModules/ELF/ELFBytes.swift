/// The bytes of an untrusted file; every read checks its bounds, no offset of the file is believed.
struct ELFBytes {
    let bytes: [UInt8]

    /// A half-open range of the file that is known to lie inside it.
    struct Region: Equatable {
        let start: Int
        let count: Int
        var end: Int { start + count }
    }

    var count: Int { bytes.count }

    func region(at offset: UInt64, count: UInt64, of what: String) throws(ELFError) -> Region {
        guard offset <= UInt64(bytes.count), count <= UInt64(bytes.count) - offset else {
            throw ELFError(
                code: .malformed, message: "\(what) reaches past the end of the file (\(bytes.count) bytes)",
                offset: offset)
        }
        return Region(start: Int(offset), count: Int(count))
    }

    /// A little-endian integer, at any alignment.
    func load<T: FixedWidthInteger>(_ type: T.Type, at offset: UInt64, of what: String) throws(ELFError) -> T {
        let region = try region(at: offset, count: UInt64(MemoryLayout<T>.size), of: what)
        var value: T = 0
        for index in (region.start..<region.end).reversed() {
            value = value << 8 | T(truncatingIfNeeded: bytes[index])
        }
        return value
    }

    /// The zero-terminated string at `offset` inside `table`; invalid UTF-8 is repaired.
    func string(at offset: UInt64, in table: Region, max: Int = 4096) throws(ELFError) -> String {
        guard offset < UInt64(table.count) else {
            throw ELFError(code: .malformed, message: "a name lies outside of its string table", offset: offset)
        }
        let start = table.start + Int(offset)
        let limit = min(table.end, start + max)
        guard let end = bytes[start..<limit].firstIndex(of: 0) else {
            throw ELFError(
                code: .malformed, message: "a name is not terminated within \(max) bytes of its table",
                offset: UInt64(start))
        }
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }
}
