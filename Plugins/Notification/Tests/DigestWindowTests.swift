import HandlerTestKit
import PatchbaySDK
import Testing

@testable import Notification

@Suite struct DigestWindowTests {
    private let scope = DigestWindow.Scope(key: "k", audience: .null)

    private func admit(_ window: inout DigestWindow?, at now: UInt64, limit: Int = 2) -> DigestWindow.Admission {
        DigestWindow.admit(
            ["type": "a", "id": .integer(Int64(now))], of: scope, to: &window, now: now, limit: limit, interval: 100)
    }

    @Test func `lets as many through as the limit says, and holds the rest until the interval ends`() {
        var window: DigestWindow?
        #expect(admit(&window, at: 1000) == .send)
        #expect(admit(&window, at: 1050) == .send)
        #expect(admit(&window, at: 1060) == .hold(until: 1100))
        #expect(admit(&window, at: 1099) == .hold(until: 1100))
        #expect(window?.held == 2)
        #expect(window?.types == ["a": 2])
        #expect(window?.samples.map { $0["id"] } == [1060, 1099])
    }

    @Test func `begins anew after an interval that held nothing back, and after a clock that was set back`() {
        var window: DigestWindow?
        _ = admit(&window, at: 1000)
        _ = admit(&window, at: 1010)
        #expect(admit(&window, at: 1100) == .send)
        #expect(window?.start == 1100)
        #expect(admit(&window, at: 500) == .send)
        #expect(window?.start == 500)
    }

    @Test func `holds on while a digest is overdue, and asks for it at once`() {
        var window: DigestWindow?
        for now in [1000, 1001, 1002] as [UInt64] { _ = admit(&window, at: now) }
        #expect(admit(&window, at: 1199) == .hold(until: 1199))
        #expect(window?.held == 2)
    }

    @Test func `makes a digest itself that is overdue by an interval, and begins anew`() throws {
        var window: DigestWindow?
        for now in [1000, 1001, 1002] as [UInt64] { _ = admit(&window, at: now) }
        guard case .digest(let full) = admit(&window, at: 1200) else {
            Issue.record("the digest is still held")
            return
        }
        #expect(full.held == 2)
        #expect(full.start == 1000)
        #expect(window?.held == 0)
        #expect(admit(&window, at: 1201) == .send)
    }

    @Test func `holds everything back with a limit of 0`() {
        var window: DigestWindow?
        #expect(admit(&window, at: 1000, limit: 0) == .hold(until: 1100))
    }

    @Test func `keeps a bounded part of a flood and counts all of it`() throws {
        var window: DigestWindow?
        for number in 0..<1_000 {
            _ = DigestWindow.admit(
                ["type": .string("t\(number % 50)")], of: scope, to: &window, now: 1, limit: 0, interval: 100)
        }
        let full = try #require(window)
        #expect(full.held == 1_000)
        #expect(full.types.count == DigestWindow.typesMax + 1)
        #expect(full.types.values.reduce(0, +) == 1_000)
        #expect(full.samples.count == DigestWindow.samplesMax)
        #expect(try full.json.decode(DigestWindow.self) == full)
    }

    /// Calls read the window, and commit only if nobody has since; whoever loses runs again, as the host has it.
    @Test func `loses and doubles nothing when calls race`() {
        for seed in UInt64(1)...2_000 {
            var random = Seeded(seed)
            var committed: DigestWindow?
            var revision = 0
            var now: UInt64 = 1000
            let total = Int.random(in: 1...40, using: &random)
            var waiting = total
            var open: [(window: DigestWindow?, revision: Int, isClosing: Bool, admission: DigestWindow.Admission?)] = []
            var sent = 0
            var digested = 0
            while waiting > 0 || !open.isEmpty {
                now += UInt64.random(in: 0...20, using: &random)
                let begins = open.isEmpty || waiting > 0 && Bool.random(using: &random)
                if begins {
                    var window = committed
                    if let held = committed?.held, held > 0, Int.random(in: 0..<6, using: &random) == 0 {
                        open.append((nil, revision, true, nil))
                    } else if waiting > 0 {
                        waiting -= 1
                        let admission = DigestWindow.admit(
                            ["type": "a"], of: scope, to: &window, now: now, limit: 3, interval: 100)
                        open.append((window, revision, false, admission))
                    }
                    continue
                }
                let call = open.remove(at: Int.random(in: 0..<open.count, using: &random))
                guard call.revision == revision else {
                    if !call.isClosing { waiting += 1 }
                    continue
                }
                if call.isClosing { digested += committed?.held ?? 0 }
                if call.admission == .send { sent += 1 }
                if case .digest(let full) = call.admission { digested += full.held }
                committed = call.window
                revision += 1
            }
            let held = committed?.held ?? 0
            #expect(sent + digested + held == total, "seed \(seed)")
        }
    }
}
