import HandlerTestKit
import PatchbaySDK
import PatchbaySDKTesting
import Synchronization
import Testing

@testable import Payment

/// Random schedules of troubles and attempts against a model of the API.
@Suite struct ScheduleTests {
    private struct Ending {
        var isDone = false
        var isFailed = false
        var charges: [ModelGateway.Charge] = []
        var emitted: [EventDraft] = []
        /// Everything that the host got to hear.
        var said: [String] = []
    }

    /// Tries an event until it is settled: with troubles first, then in health. Its time at the first attempt and later on
    /// is so many hours from then; nil: it has none.
    private func run(_ model: ModelGateway, seed: UInt64, hours: (first: Double, later: Double)? = (0, 0)) async throws
        -> Ending
    {
        let host = try TestHost(Charge.self, configuration: paymentConfiguration)
        host.serve { try model.serve($0) }
        var random = Seeded(seed ^ 0xABCD)
        let troubled = Int.random(in: 1...12, using: &random)
        var ending = Ending()
        for attempt in 1...(troubled + 6) {
            if attempt > troubled { model.recover() }
            var event = orderEvent(
                time: hours.map { time(inHours: attempt == 1 ? $0.first : $0.later) } ?? "", attempt: attempt)
            // A dead letter may be redriven to an instance of another name.
            event.idempotencyKey = "payment-\(Int.random(in: 1...3, using: &random)).charge /shop order-1001-placed"
            let report = try #require(await host.send(event))
            ending.said += [report.reason, report.detail] + report.spans.map { "\($0)" }
            ending.emitted += report.emitted
            ending.isDone = report.outcome == .done
            ending.isFailed = report.outcome == .fail
            if ending.isDone || ending.isFailed { break }
        }
        ending.said += host.logs.map { "\($0)" }
        ending.said += ending.emitted.map { "\($0.subject) \(String(decoding: $0.data, as: UTF8.self))" }
        ending.charges = model.charges
        return ending
    }

    @Test func `charges at most once under any schedule, and once where it says done`() async throws {
        var done = 0
        var failed = 0
        for seed in UInt64(1)...3_000 {
            let ending = try await run(ModelGateway(seed: seed), seed: seed)
            #expect(ending.charges.count <= 1, "seed \(seed)")
            if ending.isDone {
                done += 1
                #expect(ending.charges.map(\.amount) == ["3390"], "seed \(seed)")
                #expect(ending.emitted.map(\.type) == ["com.patchbay.payment.charged"], "seed \(seed)")
            }
            if ending.isFailed {
                failed += 1
                #expect(ending.charges.isEmpty, "seed \(seed)")
            }
            for text in ending.said { #expect(!text.contains("4242") && !text.contains("987"), "seed \(seed)") }
        }
        // All but the keys whose answer is an error for good.
        #expect(done + failed > 2_800)
        #expect(done > 2_000)
        #expect(failed > 50)
    }

    /// Old from the start; without a time; with a clock that was two hours ahead, redriven a day later; young at first.
    @Test(arguments: [(-60_000, -60_000), nil, (2, -22.5), (0, -24.5)] as [(Double, Double)?])
    func `charges once although the API has forgotten the key`(hours: (first: Double, later: Double)?) async throws {
        var done = 0
        for seed in UInt64(1)...500 {
            let model = ModelGateway(seed: seed, forgets: true)
            let ending = try await run(model, seed: seed, hours: hours)
            #expect(ending.charges.count <= 1, "seed \(seed)")
            if ending.isDone {
                done += 1
                #expect(ending.charges.count == 1, "seed \(seed)")
            }
        }
        #expect(done > 300)
    }

    @Test func `the model shows a second charge where keys are of no use`() async throws {
        var twice = 0
        for seed in UInt64(1)...200 {
            let ending = try await run(ModelGateway(seed: seed, remembers: false), seed: seed)
            if ending.charges.count > 1 { twice += 1 }
        }
        #expect(twice > 20)
    }
}
