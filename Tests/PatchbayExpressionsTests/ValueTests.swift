import PatchbayEvents
import Testing

@Suite struct ValueTests {
    @Test func `equal values have equal hashes, whatever their types`() {
        let groups: [[Value]] = [
            [.int(1), .uint(1), .double(1)], [.int(0), .double(-0.0), .double(0)], [.int(.max), .double(0x1p63)],
            [.uint(.max), .double(0x1p64)], [.list([.int(1)]), .list([.double(1)])],
            [
                .map(Value.Map([(.string("a"), .int(1)), (.int(2), .null)])),
                .map(Value.Map([(.uint(2), .null), (.string("a"), .uint(1))])),
            ],
        ]
        for group in groups {
            for value in group {
                #expect(value == group[0])
                #expect(value.hashValue == group[0].hashValue, "\(value)")
            }
        }
        for (i, a) in groups.enumerated() { for (j, b) in groups.enumerated() where i != j { #expect(a[0] != b[0]) } }
        #expect(Value.double(.nan) != .double(.nan))
        #expect(Value.string("é") != .string("e\u{301}"))
        #expect(Value.bool(true) != .int(1))
    }

    @Test(arguments: [3, 8, 9, 200])
    func `a map keeps its order, finds its keys and lets the last value count`(size: Int) {
        let entries = (0..<size).map { (key: Value.Key.string("k\($0)"), value: Value.int(Int64($0))) }
        let map = Value.Map(entries + [(.string("k1"), .string("new"))])
        #expect(map.count == size)
        #expect(map.entries.map(\.key) == entries.map(\.key))
        #expect(map["k1"] == .string("new"))
        #expect(map["k\(size - 1)"] == .int(Int64(size - 1)))
        #expect(map["other"] == nil)
    }

    @Test func `integer keys are one key whichever type they have`() {
        let map = Value.Map([(.int(1), .string("a")), (.uint(1), .string("b")), (.uint(.max), .string("c"))])
        #expect(map.count == 2)
        #expect(map[.int(1)] == .string("b"))
        #expect(map[.int(-1)] == nil)
        #expect(Value.Key(lookingUp: .double(1.0)).flatMap { map[$0] } == .string("b"))
        #expect(Value.Key(lookingUp: .double(1.5)) == nil)
    }
}
