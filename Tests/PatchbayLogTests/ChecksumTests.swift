import CPatchbaySystem
import Testing

@Suite struct ChecksumTests {
    private static let implementations: [@Sendable ([UInt8]) -> UInt32] = [
        { bytes in bytes.withUnsafeBytes { pbs_crc32c(0, $0.baseAddress, UInt64($0.count)) } },
        { bytes in bytes.withUnsafeBytes { pbs_crc32c_by_tables(0, $0.baseAddress, UInt64($0.count)) } },
    ]

    /// RFC 3720, appendix B.4, whose bytes are those of the value in little-endian order.
    private static let vectors: [([UInt8], UInt32)] = [
        ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
        ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43),
        ((0..<32).map { UInt8($0) }, 0x46DD_794E),
        ((0..<32).map { UInt8(31 - $0) }, 0x113F_DB5C),
        (
            [
                0x01, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18,
                0x28, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            ], 0xD996_3A56
        ),
        ([UInt8]("123456789".utf8), 0xE306_9283),
        ([], 0),
    ]

    @Test func `gives the checksums of RFC 3720, by instruction and by tables`() {
        for checksum in Self.implementations {
            for (bytes, expected) in Self.vectors { #expect(checksum(bytes) == expected) }
        }
    }

    @Test func `goes on from the checksum of what came before, at every split`() {
        let bytes = (0..<100).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
        let whole = Self.implementations[0](bytes)
        #expect(Self.implementations[1](bytes) == whole)
        bytes.withUnsafeBytes { raw in
            guard let base = raw.baseAddress else { return }
            for split in 0...raw.count {
                let rest = UInt64(raw.count - split)
                #expect(pbs_crc32c(pbs_crc32c(0, base, UInt64(split)), base + split, rest) == whole)
                let tables = pbs_crc32c_by_tables(0, base, UInt64(split))
                #expect(pbs_crc32c_by_tables(tables, base + split, rest) == whole)
            }
        }
    }
}
