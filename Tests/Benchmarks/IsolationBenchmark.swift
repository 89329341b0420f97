import CPatchbay
import Foundation
import Logging
import PatchbayEvents
import PatchbayModules
import PatchbayTelemetry

/// What a call in a process of its own costs: one at a time, 64 in one turn, and the first one after the worker was killed.
enum IsolationBenchmark {
    private static let batch = 64

    static func run(_ bench: Workbench) throws {
        let table = CallTable(capacity: 256, doorbell: Doorbell())
        let environment = HostEnvironment(
            version: "bench", calls: table, logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() },
            spans: HandlerSpans(tracer: .off(ids: IDGenerator(seed: 1))), metrics: MetricsRegistry())
        let loader = ModuleLoader(staging: try StagingDirectory(), environment: environment)
        defer { _ = loader.close(deadline: 0) }
        let path = "\(bench.folder.path)/plugins/count.so"
        guard let file = ModuleScanner().inspect(file: path).accepted else {
            throw BenchmarkError("\(path) is refused")
        }
        let module = try loader.load(file, .process(WorkerLimits()), instance: "bench")
        let handler = try module.makeHandler("noop", instance: "bench").handler
        let view = table.views + 1
        view.pointee.size = UInt32(MemoryLayout<patchbay_event>.size)
        for index in 2...(batch + 1) { table.views[index] = view.pointee }

        let calls = bench.settings.isTiny ? 500 : 100_000
        var hops: [Double] = []
        var rates: [Double] = []
        var restarts: [Double] = []
        for _ in 0..<bench.settings.runs {
            hops.append(try singles(table, handler, calls) / 1_000)
            rates.append(try batches(table, handler, calls / batch) / 1e6)
            restarts.append(try restart(table, handler) / 1e6)
        }
        print("isolated_call: \(Series(values: hops).text(1, digits: 2)) µs a call and its return (bar 5)")
        print("isolated_batch: \(Series(values: rates).text(1, digits: 2)) M calls/s, \(batch) a turn (bar 0.3)")
        let restart = Series(values: restarts).text(1, digits: 2)
        print("isolated_restart: \(restart) ms from kill to a call that is done (bar 10)")
    }

    /// Nanoseconds a call.
    private static func singles(_ table: CallTable, _ handler: Handler, _ count: Int) throws -> Double {
        let start = DispatchTime.now().uptimeNanoseconds
        for _ in 0..<count {
            let call = table.arm(1)
            let status = handler.handle(handler.instance, call, UnsafePointer(table.views + 1))
            guard table.returned(1, call, status, message: { "" }), table.settle(1).kind == .done else {
                throw BenchmarkError("a call was not done")
            }
        }
        return Double(DispatchTime.now().uptimeNanoseconds - start) / Double(count)
    }

    /// Calls a second.
    private static func batches(_ table: CallTable, _ handler: Handler, _ count: Int) throws -> Double {
        guard let handleBatch = handler.handleBatch else { throw BenchmarkError("there are no batches") }
        let views = (1...batch).map { UnsafePointer<patchbay_event>?(UnsafePointer(table.views + $0)) }
        let start = DispatchTime.now().uptimeNanoseconds
        for _ in 0..<count {
            let calls = (1...batch).map { table.arm($0) }
            let status = handleBatch(handler.instance, UInt64(batch), calls, views)
            for index in 1...batch {
                guard table.returned(index, calls[index - 1], status, message: { "" }),
                    table.settle(index).kind == .done
                else { throw BenchmarkError("a call of a batch was not done") }
            }
        }
        return Double(count * batch) / (Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9)
    }

    /// Nanoseconds from the end of the worker until a call of the next one is done.
    private static func restart(_ table: CallTable, _ handler: Handler) throws -> Double {
        guard let worker = try children().first else { throw BenchmarkError("there is no worker") }
        let start = DispatchTime.now().uptimeNanoseconds
        kill(worker, SIGKILL)
        for _ in 0..<10_000 {
            let call = table.arm(1)
            let status = handler.handle(handler.instance, call, UnsafePointer(table.views + 1))
            guard table.returned(1, call, status, message: { "" }) else {
                throw BenchmarkError("a call was left open")
            }
            let isDone = table.settle(1).kind == .done
            if isDone, try children().first != worker {
                return Double(DispatchTime.now().uptimeNanoseconds - start)
            }
        }
        throw BenchmarkError("no worker came back")
    }

    /// The processes that this one has started.
    private static func children() throws -> [pid_t] {
        let own = getpid()
        var found: [pid_t] = []
        for task in try FileManager.default.contentsOfDirectory(atPath: "/proc/\(own)/task") {
            let path = "/proc/\(own)/task/\(task)/children"
            guard let text = FileManager.default.contents(atPath: path) else { continue }
            found += String(decoding: text, as: UTF8.self).split(separator: " ").compactMap { pid_t($0) }
        }
        return found
    }
}
