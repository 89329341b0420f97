import Foundation

/// `patchbay-bench [--tiny] [--runs N] [abi|decode|w1|permits|allocations|memory|routes …]`: speed as medians with their range,
/// as ratios to a floor measured in the same run, and allocations as counts. Run it in a release build, on a quiet
/// machine. Exit 1 when a result is wrong (counts) or an allocation bound is passed; times never fail it.
let arguments = Array(CommandLine.arguments.dropFirst())
let settings = BenchmarkSettings(arguments)
let bench = try Workbench(settings)
defer { bench.cleanUp() }

print("machine: \(ProcessInfo.processInfo.processorCount) cores, \(bench.processor); build \(BenchmarkSettings.build)")
print("events: \(bench.eventCount), \(bench.eventBytes) bytes, from \(bench.eventOrigin)")
var failures: [String] = []
for benchmark in Benchmark.all where settings.names.isEmpty || settings.names.contains(benchmark.name) {
    do {
        try benchmark.run(bench)
    } catch {
        failures.append("\(benchmark.name): \(error)")
        print("\(benchmark.name): FAILED: \(error)")
    }
}
print("\(Benchmark.all.count - failures.count) passed, \(failures.count) failed")
bench.cleanUp()
exit(failures.isEmpty ? 0 : 1)
