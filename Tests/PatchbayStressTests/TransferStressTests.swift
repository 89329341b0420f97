import CPatchbaySystem
import Foundation
import PatchbayTelemetry
import PatchbayTestKit
import PatchbayTransfers
import Synchronization
import Testing

/// Many threads that send at once while others stop the engine: each transfer is answered once, or refused.
@Suite struct TransferStressTests {
    @Test(arguments: [1, 2, 3]) func `answers every transfer exactly once, also when it is stopped meanwhile`(
        round: Int
    ) throws {
        let server = try ScriptedServer { request in .init(status: 200, closes: request.connection % 3 == 0) }
        var ways = ConnectionWays()
        ways.usual.pool.max = 4
        ways.usual.pool.min = 2
        let engine = TransferEngine(ways, metrics: MetricsRegistry(), openMax: 64)
        let transfer = try Transfer(
            Transfer.Request(method: "POST", url: "http://127.0.0.1:\(server.port)/", body: [1, 2, 3]),
            deadline: pbs_now() + 120_000_000_000)
        let counts = Counts()
        let threads = DispatchGroup()
        for _ in 0..<6 {
            threads.enter()
            Thread.detachNewThread {
                for _ in 0..<200 {
                    do throws(TransferEngine.Refusal) {
                        try engine.submit(transfer) { _ in counts.answered.wrappingAdd(1, ordering: .relaxed) }
                        counts.taken.wrappingAdd(1, ordering: .relaxed)
                    } catch {
                        counts.refused.wrappingAdd(1, ordering: .relaxed)
                        // Full, or stopped: others are let on.
                        sched_yield()
                    }
                }
                threads.leave()
            }
        }
        if round > 1 {
            for _ in 0..<6_000 where counts.answered.load(ordering: .relaxed) < 20 * round {
                Thread.sleep(forTimeInterval: 0.01)
            }
            engine.stop()
        }
        threads.wait()
        engine.stop()
        _ = server.stop()
        let taken = counts.taken.load(ordering: .relaxed)
        #expect(taken + counts.refused.load(ordering: .relaxed) == 1_200)
        #expect(counts.answered.load(ordering: .relaxed) == taken)
        #expect(taken > 0)
    }

    private final class Counts: Sendable {
        let taken = Atomic<Int>(0)
        let refused = Atomic<Int>(0)
        let answered = Atomic<Int>(0)
    }
}
