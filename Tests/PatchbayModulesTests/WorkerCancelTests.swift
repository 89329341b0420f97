import CPatchbay
import CPatchbaySystem
import Foundation
import PatchbayEvents
import Testing

@testable import PatchbayModules

@Suite struct `cancellation of calls in workers` {
    /// Dispatch cancels a call once, which nobody hears while the worker does not have it yet.
    @Test func `a call that was cancelled on its way to the worker is given up there`() throws {
        let bench = ModuleBench()
        let worker = try FunctionWorker(
            FunctionWorker.Function(
                name: "functions.pause", library: "libc.so.6", file: "libc.so.6", symbol: "pause",
                signature: "i32()"),
            limits: .unconfined, environment: bench.environment
        ) { _, _ in .badState }
        defer { worker.end() }
        let subject = UnsafeMutableBufferPointer<CChar>.allocate(capacity: 60 << 20)
        defer { subject.deallocate() }
        subject.initialize(repeating: 0x78)
        var reason = ""
        repeat {
            let call = bench.open()
            let index = Int(call & 0xFF_FFFF)
            var event = bench.calls.views[index]
            event.subject = patchbay_str(ptr: UnsafePointer(subject.baseAddress), len: UInt64(subject.count))
            // So large that the clock's next tick, and with it the deadline, comes while it is copied.
            event.deadline_ns = pbs_now_coarse() + 1
            bench.calls.views[index] = event
            // Unchecked because the memory behind it outlives the thread, or the test has failed.
            nonisolated(unsafe) let view = event
            let returned = DispatchSemaphore(value: 0)
            Thread {
                _ = worker.call(call, [], for: view)
                returned.signal()
            }.start()
            try #require(returned.wait(timeout: .now() + 60) == .success)
            let settled = bench.calls.settle(index)
            #expect(settled.kind == .cancelled)
            reason = settled.details?.reason ?? ""
            // The tick came before the worker was asked for: once more.
        } while reason.hasPrefix("cancelled: before its worker had it")
        #expect(reason.isEmpty, "nobody but the worker ended it")
    }
}
