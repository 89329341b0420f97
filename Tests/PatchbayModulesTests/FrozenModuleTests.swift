import CPatchbay
import Foundation
import Logging
import PatchbayEvents
import PatchbayTelemetry
import Testing

@testable import PatchbayModules

/// A binary that was built once against the ABI 1.0 and is never built again: what users have, and what every later
/// host has to run. `Fixtures/frozen-v1/frozen.c` is its source.
@Suite(.enabled(if: FrozenModule.isRunnable, "the frozen module is x86-64 code, and this machine is another"))
struct `a module frozen at ABI 1.0` {
    @Test func `is read without being run`() throws {
        let file = try #require(ModuleScanner(profile: HostProfile(swiftVersion: "6.3")).accepted(FrozenModule.path))
        #expect(file.manifest.name == "frozen" && file.manifest.version == "1.0.0")
        #expect(file.manifest.handlers.map(\.id) == ["count"])
    }

    @Test func `is loaded, configured, called, cancelled and ended by the host of today`() async throws {
        await #expect(processExitsWith: .success) {
            let fixture = try LoadedFixture(FrozenModule.path)
            let handler = fixture.handler.handler
            #expect(handler.version == "1.0.0" && handler.concurrency == 2 && handler.batchMax == 8)
            let call = fixture.bench.open(event: "e-1")
            #expect(handler.handle(handler.instance, call, fixture.bench.view(of: call)) == .ok)
            let settled = fixture.bench.settle(call)
            #expect(settled.kind == .done)
            let details = try #require(settled.details)
            #expect(String(decoding: details.reply, as: UTF8.self) == "e-1|/test|com.acme.test||1|0|0")
            #expect(details.replyContentType == "text/plain")

            let cancel = try #require(handler.cancel)
            cancel(handler.instance, call, Int32(PATCHBAY_CANCEL_TIMEOUT))
            try fixture.handler.reconfigure(.map(Value.Map([(.string("step"), .int(3))])))
            try fixture.handler.drain(deadline: 0)
            fixture.handler.destroy()
            #expect(fixture.loader.close(deadline: 0).isEmpty)
            let told = "create({\"step\":7}) again(stale) cancel(timeout) reconfigure({\"step\":3}) drain() destroy() "
            #expect(fixture.text("seen") == told + "shutdown() ")
        }
    }

    @Test func `is understood in every word of a failure`() async throws {
        await #expect(processExitsWith: .success) {
            let fixture = try LoadedFixture(FrozenModule.path)
            let handler = fixture.handler.handler
            let refused = fixture.bench.open(event: "e-1")
            fixture.bench.view(of: refused).pointee.subject = lasting("refused")
            #expect(handler.handle(handler.instance, refused, fixture.bench.view(of: refused)) == .ok)
            let settled = fixture.bench.settle(refused)
            #expect(settled.kind == .fail)
            let details = try #require(settled.details)
            #expect(details.code == 51 && details.sparesBreaker && details.reason == "refused: by its subject")
            #expect(String(decoding: details.detail, as: UTF8.self) == #"{"why":"refused"}"#)

            let later = fixture.bench.open(event: "e-2")
            fixture.bench.view(of: later).pointee.subject = lasting("later")
            #expect(handler.handle(handler.instance, later, fixture.bench.view(of: later)) == .internalError)
            #expect(HandlerMessage.take() == "not_now: come again")
        }
    }

    @Test func `finds logger, trace and meter, each with all of its functions`() async throws {
        await #expect(processExitsWith: .success) {
            let fixture = try LoadedFixture(FrozenModule.path, traced: true)
            let handler = fixture.handler.handler
            let call = fixture.bench.open(traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            #expect(handler.handle(handler.instance, call, fixture.bench.view(of: call)) == .ok)
            // The reply ends with the length of the traceparent that it was given.
            let reply = fixture.bench.settle(call).details?.reply ?? []
            #expect(String(decoding: reply, as: UTF8.self).hasSuffix("|0|55"))

            let line = try #require(fixture.bench.log.all.first)
            #expect(line.message == "seen" && line.level == .info && line.metadata["type"] == "com.acme.test")
            let span = try #require(fixture.bench.spans.first)
            #expect(span.name == "work" && span["attempt"] == .int(1) && span.events.map(\.name) == ["seen"])
            let metrics = fixture.bench.metrics.snapshot(now: 1).metrics
            let metric = try #require(metrics.first { $0.description.name == "frozen.seen" })
            #expect(metric.points.map(\.value) == [.number(1)])
        }
    }

    @Test func `is given its batches`() async throws {
        await #expect(processExitsWith: .success) {
            let fixture = try LoadedFixture(FrozenModule.path)
            let handler = fixture.handler.handler
            let calls = ["e-1", "e-2"].map { fixture.bench.open(event: $0) }
            let views = calls.map { UnsafePointer(fixture.bench.view(of: $0)) as UnsafePointer<patchbay_event>? }
            let handleBatch = try #require(handler.handleBatch)
            #expect(handleBatch(handler.instance, 2, calls, views) == .ok)
            let first = fixture.bench.settle(calls[0])
            #expect(first.kind == .retry && first.details?.retryAfter == 5_000_000)
            #expect(fixture.bench.settle(calls[1]).kind == .done)
            #expect(fixture.text("seen") == "create({\"step\":7}) batch(e-1) batch(e-2) ")
        }
    }
}

private enum FrozenModule {
    static let path = Fixture.testsFolder.appendingPathComponent("Fixtures/frozen-v1/frozen.so").path

    static var isRunnable: Bool {
        #if arch(x86_64)
            true
        #else
            false
        #endif
    }
}

extension ModuleScanner {
    /// The file's module; `nil`, and an issue, when it is rejected.
    fileprivate func accepted(_ path: String) -> ModuleFile? {
        switch inspect(file: path) {
        case .accepted(let file): return file
        case .rejected(let error):
            Issue.record("\(error.message)")
            return nil
        }
    }
}

extension ModuleBench {
    /// The view of the event that `open` made for this call.
    fileprivate func view(of call: patchbay_call) -> UnsafeMutablePointer<patchbay_event> {
        calls.views + Int(call & 0xFF_FFFF)
    }
}
