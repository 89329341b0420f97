import PatchbayEvents
import PatchbayRouting
import Testing

@Suite struct KeyTests {
    /// Computed with CPython's `hash(bytes)`, which is SipHash-1-3, under the zero key.
    @Test(arguments: [
        ("a", UInt64(4_644_417_185_603_328_019)), ("abcdefg", 7_904_145_750_247_929_094),
        ("abcdefgh", 4_574_395_652_268_504_554), ("abcdefghi", 17_913_969_820_989_044_453),
        ("The quick brown fox jumps over the lazy dog", 10_229_494_255_719_302_430),
    ])
    func `hashes as SipHash-1-3 does`(text: String, hash: UInt64) {
        #expect(Array(text.utf8).withUnsafeBytes { sipHash13(0, 0, $0) } == hash)
    }

    private func keys(_ key: String, seed: KeySeed = KeySeed(1, 2), _ members: String...) throws -> [UInt64] {
        let harness = try Harness(seed: seed) {
            [Route(name: "r", targets: [handler(0)], orderingKey: try $0.key(key))]
        }
        return try members.map { try harness.route(event("a.b", $0))[0].keyHash }
    }

    @Test func `the same key has the same hash, another key another`() throws {
        let found = try keys(
            "event.partitionkey", #""partitionkey":"k1""#, #""partitionkey":"k1","data":1"#, #""partitionkey":"k2""#)
        #expect(found[0] == found[1])
        #expect(found[0] != found[2])
        #expect(!found.contains(0))
    }

    @Test func `an event without the field, or with nothing in it, has no key`() throws {
        #expect(try keys("event.partitionkey", "", #""data":{}"#) == [0, 0])
        #expect(try keys("event.data.k", #""data":{}"#, #""data":{"k":null}"#, #""data":{"k":""}"#) == [0, 0, 0])
        #expect(try keys("[event.data.k, event.data.l]", #""data":{"k":"x"}"#) == [0])
        #expect(try keys("event.data.k + '!'", #""data":{}"#) == [0])
    }

    @Test func `parts of a list do not run into each other`() throws {
        let found = try keys(
            "[event.data.a, event.data.b]", #""data":{"a":"x","b":"yz"}"#, #""data":{"a":"xy","b":"z"}"#,
            #""data":{"a":"xyz","b":""}"#, #""data":{"a":"1","b":2}"#, #""data":{"a":1,"b":"2"}"#)
        #expect(Set(found).count == 5)
    }

    @Test(arguments: [#""k""#, "7", "-1", "18446744073709551615", "1.5", "2.0", "true", #""\u00e9\n""#])
    func `a field read in place and the same value computed have one hash`(value: String) throws {
        let data = #""data":{"k":\#(value)}"#
        let inPlace = try keys("event.data.k", data)
        #expect(inPlace != [0])
        #expect(try keys("[event.data.k]", data) == inPlace)
        #expect(try keys("true ? event.data.k : event.data.k", data) == inPlace)
        #expect(try keys("[event.data.k][0]", data) == inPlace)
    }

    @Test func `hashes depend on the secret`() throws {
        let member = #""partitionkey":"k1""#
        #expect(
            try keys("event.partitionkey", seed: KeySeed(1, 2), member)
                != keys("event.partitionkey", seed: KeySeed(1, 3), member))
    }
}
