import CPatchbaySystem
import PatchbayDispatch
import PatchbayEvents

/// Memory that calls leave behind.
enum CallLeak {
    case none
    /// Bytes of each call.
    case kept(Int)
    /// A call did not end.
    case unended(HandlerTrial.Result.End)

    private static let warmUp = 300
    private static let calls = 1_000
    /// In nanoseconds, for each part; a handler that takes longer is measured by fewer calls.
    private static let patience: UInt64 = 2_000_000_000
    private static let fewest = 100
    /// Less is the heap's own.
    private static let bytesMin = 16

    /// Calls a handler again and again with one event, which is nothing new to it: bytes of the heap that each call keeps,
    /// in two measurements that agree.
    static func find(_ batch: EventBatch, by trial: HandlerTrial, timeout: UInt64) -> CallLeak {
        do throws(Unended) {
            _ = try call(batch, trial, warmUp, timeout)
            guard let first = try growth(batch, trial, timeout), let second = try growth(batch, trial, timeout) else {
                return .none
            }
            let least = min(first, second)
            return least >= bytesMin ? .kept(least) : .none
        } catch {
            return .unended(error.end)
        }
    }

    private struct Unended: Error {
        let end: HandlerTrial.Result.End
    }

    /// `nil` for too few calls to tell.
    private static func growth(
        _ batch: EventBatch, _ trial: HandlerTrial, _ timeout: UInt64
    ) throws(Unended) -> Int? {
        let before = Int(pbs_heap_bytes())
        let made = try call(batch, trial, calls, timeout)
        return made >= fewest ? (Int(pbs_heap_bytes()) - before) / made : nil
    }

    /// How many calls were made.
    private static func call(
        _ batch: EventBatch, _ trial: HandlerTrial, _ most: Int, _ timeout: UInt64
    ) throws(Unended) -> Int {
        let until = pbs_now() + patience
        for number in 0..<most {
            let end = trial.call(batch, event: 0, timeout: timeout, grace: timeout).end
            guard case .said = end else { throw Unended(end: end) }
            if pbs_now() > until { return number + 1 }
        }
        return most
    }
}
