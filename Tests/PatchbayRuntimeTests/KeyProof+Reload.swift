import Foundation
import PatchbayRuntime

/// What the keys of `reload` bring about.
enum ReloadProof {
    /// Changes the file of a running host, and asks for a reload by hand where it does not look by itself.
    static func watched(_ value: String) throws -> String {
        let bench = try RunBench()
        let host = try bench.host("reload: {watch: \(value)}", once: false)
        try host.start()
        let text = try String(contentsOfFile: bench.path("patchbay.yaml"), encoding: .utf8)
        try bench.write("patchbay.yaml", text + "\nunmatched: drop")
        let looked =
            value == "true"
            ? bench.eventually { bench.log.contains("reload by a changed file") }
            : {
                usleep(3_000_000); return bench.log.contains("reload by a changed file")
            }()
        host.drain()
        _ = host.wait()
        return looked ? "looked" : "did not look"
    }

    /// Replaces a module that is in a call, and lets the call end once the log has said so or has had the time.
    static func retired(_ time: String) throws -> String {
        let bench = try RunBench()
        let module = bench.path("plugins/libshop.so")
        try FileManager.default.copyItem(atPath: try VersionedModule.library("1.0.0"), toPath: module)
        try bench.write("events.jsonl", Events.lines(1))
        let host = try bench.host(
            """
            modules: {directory: FOLDER/plugins, load: [{name: shop, config: {path: FOLDER/seen, gate: FOLDER/open}}]}
            policies: {timeouts: {default: {attempt: 1h, total: 1h}}}
            sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
            routes: [{name: all, to: [{handler: shop.wait}]}]
            reload: {moduleDrain: \(time)}
            """, once: false)
        try host.start()
        guard try bench.eventually({ try !bench.lines("seen").isEmpty }) else { throw BenchError("never started") }
        try FileManager.default.removeItem(atPath: module)
        try FileManager.default.copyItem(atPath: try VersionedModule.library("2.0.0"), toPath: module)
        host.reload(by: "hand")
        let replaced = bench.eventually { bench.log.contains("instead of 1.0.0") }
        if time == "1ms" { _ = bench.eventually { bench.log.contains("it stays until they end") } }
        try bench.write("open", "")
        let gone = bench.eventually { bench.log.contains("has ended its calls and is gone") }
        host.drain()
        _ = host.wait()
        return "\(replaced) \(gone) \(bench.log.contains("it stays until they end"))"
    }
}
