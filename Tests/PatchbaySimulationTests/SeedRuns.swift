import Foundation
import Synchronization

/// Runs seeds on all processors.
enum SeedRuns {
    struct Result {
        var violations: [(seed: Int, text: String)] = []
        var counters = Counters()
    }

    /// Takes the seeds in their order.
    ///
    /// - Parameters:
    ///   - stopsEarly: at the first violation.
    ///   - progress: hears how many are done, now and then.
    static func run(
        _ seeds: [Int], _ mutation: Mutation? = nil, stopsEarly: Bool = false,
        progress: @Sendable (Int) -> Void = { _ in }
    ) -> Result {
        let next = Atomic(0)
        let result = Mutex(Result())
        DispatchQueue.concurrentPerform(iterations: ProcessInfo.processInfo.activeProcessorCount) { _ in
            while true {
                let place = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard place < seeds.count else { return }
                let seed = seeds[place]
                let (violation, counters) = outcome(UInt64(seed), mutation)
                let done = result.withLock { result in
                    result.counters = result.counters + counters
                    if let violation { result.violations.append((seed, violation)) }
                    return result.counters.runs
                }
                if done % 50 == 0 { progress(done) }
                if violation != nil, stopsEarly { next.store(seeds.count, ordering: .relaxed) }
            }
        }
        return result.withLock { result in
            result.violations.sort { $0.seed < $1.seed }
            return result
        }
    }

    private static func outcome(_ seed: UInt64, _ mutation: Mutation?) -> (violation: String?, counters: Counters) {
        do {
            var run = try SimulatedRun(seed: seed, mutation: mutation)
            return try run.run()
        } catch {
            return ("\(error)", Counters())
        }
    }
}
