import CPatchbaySystem
import PatchbayDispatch
import PatchbayEvents

/// Memory that calls leave behind.
enum CallLeak {
    private static let warmUp = 300
    private static let calls = 1_000
    /// In nanoseconds, for each part; a handler that takes longer is measured by fewer calls.
    private static let patience: UInt64 = 2_000_000_000
    private static let fewest = 100
    /// Less is the heap's own.
    private static let bytesMin = 16

    /// Calls a handler again and again with one event, which is nothing new to it: bytes of the heap that each call keeps,
    /// in two measurements that agree; `nil` for none.
    static func find(_ batch: EventBatch, by trial: HandlerTrial, timeout: UInt64) -> Int? {
        guard call(batch, trial, warmUp, timeout) != nil, let first = growth(batch, trial, timeout),
            let second = growth(batch, trial, timeout)
        else { return nil }
        let least = min(first, second)
        return least >= bytesMin ? least : nil
    }

    private static func growth(_ batch: EventBatch, _ trial: HandlerTrial, _ timeout: UInt64) -> Int? {
        let before = Int(pbs_heap_bytes())
        guard let made = call(batch, trial, calls, timeout), made >= fewest else { return nil }
        return (Int(pbs_heap_bytes()) - before) / made
    }

    /// How many calls were made; `nil` when one did not end.
    private static func call(_ batch: EventBatch, _ trial: HandlerTrial, _ most: Int, _ timeout: UInt64) -> Int? {
        let until = pbs_now() + patience
        for number in 0..<most {
            guard case .said = trial.call(batch, event: 0, timeout: timeout, grace: timeout).end else { return nil }
            if pbs_now() > until { return number + 1 }
        }
        return most
    }
}
