import PatchbayResilience

extension DispatchCore {
    /// Calls that are out, for sweeps: indices are below this.
    package var callHighWater: Int { calls.highWater }

    /// Whether any call is out.
    package var hasOpenCalls: Bool { calls.used > 0 }

    package var openCalls: Int { calls.used }
    /// Whether a call index is out with a delivery that is not settled.
    package func isOpen(_ call: Int) -> Bool { calls.base[call].isOpen && calls.base[call].delivery != 0 }

    /// Looks at the deadline of one open call: past it the handler is asked to end; past the grace the call is closed.
    ///
    /// `startedAt` is 0 while the call waits for a worker: waiting costs no time of the attempt's.
    package mutating func checkDeadline(
        _ call: Int, startedAt: UInt64, now: UInt64, effects: inout DispatchEffects
    ) {
        let open = calls.base + call
        guard open.pointee.isOpen, open.pointee.delivery != 0, startedAt != 0, open.pointee.timeout != 0 else { return }
        if !open.pointee.isCancelled {
            guard now >= startedAt.advanced(byNanoseconds: open.pointee.timeout) else { return }
            open.pointee.isCancelled = true
            open.pointee.cancelledAt = now
            effects.cancels.append(UInt32(call))
        } else if now >= open.pointee.cancelledAt.advanced(byNanoseconds: plan.cancelGrace) {
            effects.closes.append(UInt32(call))
        }
    }

    /// The attempt's time limit of an open call, in nanoseconds; 0 is none.
    package func timeout(ofCall call: UInt32) -> UInt64 { calls.base[Int(call)].timeout }

    /// The breaker, and its generation, that let an open call through.
    package func admission(ofCall call: UInt32) -> (breaker: Int, generation: UInt32) {
        let open = calls.base[Int(call)]
        return (Int(open.breaker), deliveries.base[Int(open.delivery)].breakerGeneration)
    }

    /// The span id of the delivery's last attempt; 0 is none. For sampled events.
    package func lastSpan(ofCall call: UInt32) -> UInt64 {
        deliveries.base[Int(calls.base[Int(call)].delivery)].lastSpan
    }

    /// Keeps the span id of an attempt that is starting, for the next attempt's link.
    package mutating func setLastSpan(_ span: UInt64, ofCall call: UInt32) {
        deliveries.base[Int(calls.base[Int(call)].delivery)].lastSpan = span
    }
}
