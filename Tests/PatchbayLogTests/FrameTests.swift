import PatchbayLog
import Testing

@Suite struct FrameTests {
    private func frame(_ body: (inout FrameBuilder) -> Void) -> [UInt8] {
        var builder = FrameBuilder()
        _ = builder.begin()
        body(&builder)
        var header = FrameHeader()
        header.sequence = 7
        header.firstPosition = 42
        _ = builder.end(header)
        return [UInt8](builder.bytes)
    }

    @Test func `reads back what was written`() throws {
        let failure = FailureRecord(
            DeliveryID(position: 42, handler: 3), .retries, attempts: 2, endedAt: 99, failureClass: "transient",
            reason: "no answer")
        let bytes = frame { builder in
            builder.add(.failures) { failure.write(to: &$0) }
            builder.add(.outcomes) {
                OutcomeRecord(DeliveryID(position: 1, handler: 2), .done, attempts: 1).write(to: &$0)
            }
        }
        try bytes.withUnsafeBytes { raw in
            let view = try FrameView(raw)
            #expect(view.header.sequence == 7)
            #expect(view.header.firstPosition == 42)
            var kinds: [SectionKind] = []
            let isWhole = try view.forEachSection { (kind, section) throws(LogFormatError) in
                kinds.append(kind)
                var reader = ByteReader(section)
                if kind == .failures { #expect(try FailureRecord(&reader) == failure) }
                if kind == .outcomes { #expect(try OutcomeRecord(&reader).kind == .done) }
            }
            #expect(isWhole)
            #expect(kinds == [.failures, .outcomes])
        }
    }

    @Test func `finds every single changed byte`() throws {
        var bytes = frame { $0.add(.names) { NameRecord(.route, 1, "orders").write(to: &$0) } }
        for index in bytes.indices {
            bytes[index] ^= 0x40
            #expect(throws: LogFormatError.self) { try bytes.withUnsafeBytes { _ = try FrameView($0) } }
            bytes[index] ^= 0x40
        }
    }

    @Test func `refuses a frame that is cut short at any byte`() {
        let bytes = frame { $0.add(.names) { NameRecord(.handler, 1, "billing.charge").write(to: &$0) } }
        for length in 0..<bytes.count {
            #expect(throws: LogFormatError.self) {
                try bytes.withUnsafeBytes { _ = try FrameView(UnsafeRawBufferPointer(rebasing: $0[..<length])) }
            }
        }
    }
}
