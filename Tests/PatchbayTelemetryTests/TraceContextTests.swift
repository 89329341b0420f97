import Testing

@testable import PatchbayTelemetry

struct TraceContextTests {
    static let valid = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    @Test func `reads a traceparent and writes the same text`() throws {
        let context = try #require(TraceContext(traceparent: Self.valid))
        #expect(context.traceID == TraceID(high: 0x4bf9_2f35_77b3_4da6, low: 0xa3ce_929d_0e0e_4736))
        #expect(context.spanID == 0x00f0_67aa_0ba9_02b7)
        #expect(context.isSampled && context.isRemote)
        #expect(context.traceparent == Self.valid)
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ])
    func `refuses a malformed traceparent`(text: String) {
        #expect(TraceContext(traceparent: text) == nil)
    }

    @Test func `reads the known part of a later version and clears flags that it does not know`() throws {
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what-comes"
        let context = try #require(TraceContext(traceparent: later))
        #expect(context.flags == 0x03)
        #expect(context.traceparent.hasPrefix("00-4bf92f35"))
    }

    @Test func `no single changed byte makes another valid context of the same text`() {
        // Every accepted mutant must read back as itself: the parser drops nothing silently but unknown flags.
        let bytes = Array(Self.valid.utf8)
        for place in bytes.indices {
            for byte in UInt8.min...UInt8.max {
                var mutant = bytes
                mutant[place] = byte
                guard let context = mutant.withUnsafeBytes({ TraceContext(traceparent: $0) }) else { continue }
                let written = Array(context.traceparent.utf8)
                // Version and flags are normalised; everything between stands.
                #expect(written[2..<53] == mutant[2..<53])
            }
        }
    }

    @Test func `writes nothing into a buffer that is too small and says what it needs`() throws {
        let context = try #require(TraceContext(traceparent: Self.valid))
        var buffer = [UInt8](repeating: 7, count: 54)
        let needed = buffer.withUnsafeMutableBytes { context.writeTraceparent(into: $0) }
        #expect(needed == 55)
        #expect(buffer.allSatisfy { $0 == 7 })
    }
}

struct TraceStateTests {
    @Test(arguments: [
        ("foo=1,bar=2", "foo=1,bar=2"), (" foo=1 \t,, bar=2,", "foo=1,bar=2"), ("foo=1,foo=2", "foo=1"),
        ("a@b/c*d_e-f=x y", "a@b/c*d_e-f=x y"),
    ])
    func `hands valid members on`(value: String, expected: String) {
        #expect(TraceState.normalised(value) == expected)
    }

    @Test(arguments: ["", ",", "foo", "foo=", "Foo=1", "foo.bar=1", "=1", "foo=a=b", "foo=\u{e4}", "foo =1"])
    func `drops a list that breaks a rule`(value: String) {
        #expect(TraceState.normalised(value) == nil)
    }

    @Test func `carries 32 members and keys of 256 characters but no more`() {
        let members = (0..<33).map { "k\($0)=v" }
        #expect(TraceState.normalised(members.prefix(32).joined(separator: ",")) != nil)
        #expect(TraceState.normalised(members) == nil)
        #expect(TraceState.normalised(String(repeating: "k", count: 256) + "=v") != nil)
        #expect(TraceState.normalised(String(repeating: "k", count: 257) + "=v") == nil)
    }
}

struct SamplerTests {
    @Test func `samples the asked share, and at a higher ratio everything that it samples at a lower one`() {
        let ids = IDGenerator(seed: 42)
        let ratios = [0, 0.001, 0.01, 0.25, 0.5, 1]
        for (lower, higher) in zip(ratios, ratios.dropFirst()) {
            var counts = (lower: 0, higher: 0)
            for position in 0..<UInt64(100_000) {
                let id = ids.traceID(position: position)
                let decisions = (Sampler(ratio: lower).samples(id), Sampler(ratio: higher).samples(id))
                #expect(!decisions.0 || decisions.1)
                counts.lower += decisions.0 ? 1 : 0
                counts.higher += decisions.1 ? 1 : 0
            }
            // Five standard deviations of a binomial count.
            let deviation = 5 * (100_000 * higher * (1 - higher)).squareRoot()
            #expect(abs(Double(counts.higher) - 100_000 * higher) <= deviation)
        }
    }

    @Test func `decides on the low 56 bits only, as every OpenTelemetry sampler does`() {
        let half = Sampler(ratio: 0.5)
        #expect(half.rejectionThreshold == 0x80_0000_0000_0000)
        #expect(half.samples(TraceID(high: 0, low: 0x0080_0000_0000_0000)))
        #expect(!half.samples(TraceID(high: .max, low: 0xff7f_ffff_ffff_ffff)))
    }

    @Test func `follows the producer's decision where there is one`() {
        let parent = TraceContext(traceID: TraceID(high: 1, low: 1), spanID: 1, flags: 1, isRemote: true)
        #expect(Sampler.never.samples(parent.traceID, parent: parent))
        var silent = parent
        silent.flags = 0
        #expect(!Sampler.always.samples(parent.traceID, parent: silent))
        #expect(Sampler.always.samples(parent.traceID, parent: .none))
    }

    @Test(arguments: [(-1.0, 0.0), (.nan, 0), (2, 1)])
    func `clamps a ratio outside of 0 to 1`(ratio: Double, effective: Double) {
        #expect(Sampler(ratio: ratio) == Sampler(ratio: effective))
    }
}

struct IDGeneratorTests {
    @Test func `gives every span of every attempt its own id, the same on every run`() {
        var seen: Set<UInt64> = []
        let ids = IDGenerator(seed: 3)
        for position in 0..<UInt64(200) {
            for lane in 0..<UInt32(8) {
                for attempt in 0..<UInt32(8) {
                    for role in [IDGenerator.Role.process, IDGenerator.Role.handler] {
                        let id = ids.spanID(position: position, lane: lane, attempt: attempt, role: role)
                        #expect(
                            id
                                == IDGenerator(seed: 3).spanID(
                                    position: position, lane: lane, attempt: attempt, role: role))
                        seen.insert(id)
                    }
                }
            }
        }
        #expect(seen.count == 200 * 8 * 8 * 2)
        #expect(!seen.contains(0))
    }

    @Test func `draws other ids from another seed`() {
        let (one, two) = (IDGenerator(seed: 1), IDGenerator(seed: 2))
        for position in 0..<UInt64(1_000) {
            #expect(one.traceID(position: position) != two.traceID(position: position))
        }
    }
}
