import Foundation
import PatchbayEvents

/// Benchmarks over the whole program, and the floor that they are compared with.
enum RunBenchmarks {
    /// The floor: the same file, decoded and validated, one thread, nothing else.
    static func decode(_ bench: Workbench) throws {
        let data = try Data(contentsOf: bench.events)
        let series = Series(values: (0..<bench.settings.runs).map { _ in Double(bench.eventCount) / decodeOnce(data) })
        print("decode_validate_1thread: \(series.text(1e6)) M events/s")
    }

    private static func decodeOnce(_ data: Data) -> Double {
        let plan = FieldPlan()
        _ = plan.slot(of: ["type"])
        _ = plan.slot(of: ["data", "amount"])
        let events = EventDecoder(data, plan: plan)
        let start = DispatchTime.now().uptimeNanoseconds
        events.decode { _ in }
        return Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
    }

    /// W1: file to three counting C handlers by type and `data.amount > 1000`, default policies, tracing at 1 %.
    static func w1(_ bench: Workbench) throws {
        let floor = try Series(
            values: (0..<bench.settings.runs).map { _ in
                Double(bench.eventCount) / decodeOnce(try Data(contentsOf: bench.events))
            })
        let series = try run(bench, "w1_3routes_\(bench.eventCount)", extra: "")
        print(
            "  ratio to decoding alone on one thread: \(String(format: "%.2f", series.median / floor.median)) (\(floor.text(1e6)) M events/s)"
        )
    }

    /// The same with few permits: the case in which hand-overs between cores could dominate.
    static func permits(_ bench: Workbench) throws {
        _ = try run(
            bench, "w1_maxInFlight8_\(bench.eventCount)",
            extra: "policies: {bulkheads: {default: {maxInFlight: 8}}}")
    }

    /// W2: W1 with the log in files, `sync: always`, and every outcome in it.
    static func w2(_ bench: Workbench) throws {
        let data = bench.folder.appendingPathComponent("data")
        _ = try run(bench, "w2_3routes_\(bench.eventCount)", extra: "log: {backend: file, path: '\(data.path)'}") {
            if FileManager.default.fileExists(atPath: data.path) { try FileManager.default.removeItem(at: data) }
        }
    }

    /// Allocations per event, from two runs of different length.
    static func allocations(_ bench: Workbench) throws {
        let all = try lines(bench, bench.eventCount)
        let half = try lines(bench, bench.eventCount / 2)
        let difference = try mallocs(bench, all) - mallocs(bench, half)
        let perEvent = difference / Double(bench.eventCount - bench.eventCount / 2)
        print("allocations_w1_untraced: \(String(format: "%.4f", perEvent)) an event (bound \(allocationBound))")
        if !bench.settings.isTiny, perEvent > allocationBound {
            throw BenchmarkError("\(perEvent) allocations an event, more than \(allocationBound)")
        }
    }

    /// What batches and their arrays cost, spread over their events.
    private static let allocationBound = 0.1

    private static func lines(_ bench: Workbench, _ count: Int) throws -> URL {
        let url = bench.folder.appendingPathComponent("first-\(count).ndjson")
        try Workbench.shell("head -n \(count) '\(bench.events.path)' > '\(url.path)'")
        return url
    }

    private static func mallocs(_ bench: Workbench, _ events: URL) throws -> Double {
        let output = bench.folder.appendingPathComponent("mallocs").path
        let file = try configuration(bench, events: events.path, extra: "")
        try Workbench.shell(
            "'\(Workbench.host)' run -c '\(file)' --once -q",
            environment: ["LD_PRELOAD": "\(bench.folder.path)/malloc_count.so", "MALLOC_COUNT": output])
        let text = try String(contentsOfFile: output, encoding: .utf8)
        return Double(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
    }

    /// Resident memory at the end, and at the end of ten times as many events.
    static func memory(_ bench: Workbench) throws {
        let once = try residentEnd(bench, repeats: 1)
        let ten = try residentEnd(bench, repeats: 10)
        let megabytes = { (bytes: Int) in String(format: "%.1f", Double(bytes) / 1e6) }
        print(
            "memory_end: \(megabytes(once)) MB after \(bench.eventCount) events, \(megabytes(ten)) MB after \(bench.eventCount * 10), difference \(megabytes(ten - once)) MB"
        )
        if !bench.settings.isTiny, ten - once > 5_000_000 {
            throw BenchmarkError("memory grew by \(megabytes(ten - once)) MB, more than 5 MB")
        }
    }

    private static func residentEnd(_ bench: Workbench, repeats: Int) throws -> Int {
        let list = Array(repeating: "'\(bench.events.path)'", count: repeats).joined(separator: " ")
        let file = try configuration(bench, events: nil, extra: "")
        let report = try Workbench.shell("cat \(list) | '\(Workbench.host)' run -c '\(file)' --once --json")
        return try number(report, "residentBytesEnd")
    }

    // MARK: Running

    private static func run(
        _ bench: Workbench, _ name: String, extra: String, before: () throws -> Void = {}
    ) throws -> Series {
        var rates: [Double] = []
        var resident = 0
        let file = try configuration(bench, events: bench.events.path, extra: extra)
        for _ in 0..<bench.settings.runs {
            let traces = bench.folder.appendingPathComponent("traces.jsonl").path
            try before()
            let start = DispatchTime.now().uptimeNanoseconds
            let report = try Workbench.shell(
                "'\(Workbench.host)' run -c '\(file)' --once --json --trace file --trace-file '\(traces)'")
            let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
            rates.append(Double(bench.eventCount) / seconds)
            resident = max(resident, try number(report, "residentBytesPeak"))
            try check(report, bench)
        }
        let series = Series(values: rates)
        print(
            "\(name): \(series.text(1e6)) M events/s, start and end of the process included; resident \(resident / 1_000_000) MB at most"
        )
        guard bench.settings.isTiny || resident <= residentBytesMax else {
            throw BenchmarkError("\(resident / 1_000_000) MB resident, more than \(residentBytesMax / 1_000_000)")
        }
        return series
    }

    private static let residentBytesMax = 150_000_000

    private static func configuration(_ bench: Workbench, events: String?, extra: String) throws -> String {
        let source = events.map { "{name: in, type: file, path: '\($0)'}" } ?? "{name: in, type: stdin}"
        let text = """
            apiVersion: patchbay/v1
            modules: {directory: '\(bench.folder.path)/plugins'}
            routes:
              - {name: a, order: 0, type: com.shop.order.created, match: event.data.amount > 1000, to: [{handler: count.a}], final: true}
              - {name: b, order: 1, match: "event.type in ['com.shop.order.paid', 'com.shop.order.shipped', 'com.shop.order.cancelled']", to: [{handler: count.b}], final: true}
              - {name: c, order: 2, to: [{handler: count.c}]}
            sources: [\(source)]
            telemetry: {sampleRatio: 0.01}
            \(extra)
            """
        let url = bench.folder.appendingPathComponent("patchbay.yaml")
        try text.write(to: url, atomically: true, encoding: .utf8)
        return url.path
    }

    private static func check(_ report: String, _ bench: Workbench) throws {
        guard let json = try JSONSerialization.jsonObject(with: Data(report.utf8)) as? [String: Any],
            let handlers = json["handlers"] as? [[String: Any]]
        else { throw BenchmarkError("the report is no JSON object") }
        let done = handlers.compactMap { (($0["deliveries"] as? [String: Any])?["done"] as? NSNumber)?.intValue }
        guard done == bench.expected else { throw BenchmarkError("counted \(done), expected \(bench.expected)") }
    }

    private static func number(_ report: String, _ key: String) throws -> Int {
        let json = try JSONSerialization.jsonObject(with: Data(report.utf8)) as? [String: Any]
        guard let number = json?[key] as? NSNumber else { throw BenchmarkError("the report has no \(key)") }
        return number.intValue
    }
}
