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

    /// Tries an event until it is settled: with troubles first, then in health.
    private func run(_ model: ModelGateway, seed: UInt64, time: String = "2999-01-01T00:00:00Z") async throws -> Ending
    {
        let host = try TestHost(Charge.self, configuration: paymentConfiguration)
        host.serve { try model.serve($0) }
        var random = Seeded(seed ^ 0xABCD)
        let troubled = Int.random(in: 1...12, using: &random)
        var ending = Ending()
        for attempt in 1...(troubled + 6) {
            if attempt > troubled { model.recover() }
            let report = try #require(await host.send(orderEvent(time: time, attempt: attempt)))
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

    @Test func `charges an old event once although the API has forgotten its key`() async throws {
        var done = 0
        for seed in UInt64(1)...1_000 {
            let model = ModelGateway(seed: seed, forgets: true)
            let ending = try await run(model, seed: seed, time: "2020-01-01T00:00:00Z")
            #expect(ending.charges.count <= 1, "seed \(seed)")
            if ending.isDone {
                done += 1
                #expect(ending.charges.count == 1, "seed \(seed)")
            }
        }
        #expect(done > 600)
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
