import CPatchbay
import Foundation
import Logging
import PatchbayEvents
import PatchbayModules
import PatchbayTelemetry

/// What a call through the ABI costs: `handle` and `complete`, without dispatch.
enum ABIBenchmark {
    static func run(_ bench: Workbench) throws {
        try measure(
            bench, "abi_c_handle_complete", path: "\(bench.folder.path)/plugins/count.so", handler: "noop",
            bar: 10)
        if let swift = ProcessInfo.processInfo.environment["PATCHBAY_BENCH_SWIFT_MODULE"], !swift.isEmpty {
            try measure(bench, "abi_swift_handle_complete", path: swift, handler: nil, bar: 30)
        } else {
            print("abi_swift_handle_complete: left out; PATCHBAY_BENCH_SWIFT_MODULE names no module")
        }
    }

    private static func measure(
        _ bench: Workbench, _ name: String, path: String, handler id: String?, bar: Int
    ) throws {
        let table = CallTable(capacity: 64, doorbell: Doorbell())
        let environment = HostEnvironment(
            version: "bench", calls: table, logger: Logger(label: "bench"),
            spans: HandlerSpans(tracer: .off(ids: IDGenerator(seed: 1))), metrics: MetricsRegistry())
        let loader = ModuleLoader(staging: try StagingDirectory(), environment: environment)
        defer { _ = loader.close(deadline: 0) }
        guard let file = ModuleScanner().inspect(file: path).accepted else {
            throw BenchmarkError("\(path) is refused")
        }
        let handler = try loader.load(file).makeHandler(
            id ?? file.manifest.handlers.first?.id ?? "", instance: "bench"
        ).handler
        let calls = bench.settings.isTiny ? 1_000 : 2_000_000
        var called: [Double] = []
        var empty: [Double] = []
        for _ in 0..<bench.settings.runs {
            called.append(loop(table, handler, calls: calls))
            empty.append(loop(table, nil, calls: calls))
        }
        let series = Series(values: zip(called, empty).map { $0 - $1 })
        print(
            "\(name): \(series.text(1, digits: 1)) ns a call (bar \(bar)); loop with arm and settle alone \(Series(values: empty).text(1, digits: 1)) ns"
        )
    }

    /// Nanoseconds a call of arm, `handle` with its `complete`, and settle; without a handler, of arm and settle.
    private static func loop(_ table: CallTable, _ handler: Handler?, calls: Int) -> Double {
        let view = table.views + 1
        view.pointee.size = UInt32(MemoryLayout<patchbay_event>.size)
        let instance = handler?.instance
        let handle = handler?.handle
        var other = 0
        let start = DispatchTime.now().uptimeNanoseconds
        for _ in 0..<calls {
            let call = table.arm(1)
            if let handle {
                let status = handle(instance, call, UnsafePointer(view))
                if !table.returned(1, call, status, message: { "" }) { other += 1 }
            }
            _ = table.settle(1)
        }
        precondition(other == 0, "a counting handler left a call open")
        return Double(DispatchTime.now().uptimeNanoseconds - start) / Double(calls)
    }
}
