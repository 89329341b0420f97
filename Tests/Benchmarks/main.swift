import Foundation

/// `patchbay-bench [--tiny] [--runs N] [NAME …]`: speed as medians with their range, as ratios to a floor measured in the
/// same run, and allocations as counts. Names are abi, decode, w1, permits, allocations, memory, w2, log, isolation,
/// conditions and routes; without any, all run. Run it in a release build, on a quiet machine. Exit 1 when a result is wrong (counts) or an
/// allocation bound is passed; times never fail it.
let arguments = Array(CommandLine.arguments.dropFirst())
let settings = BenchmarkSettings(arguments)
let bench = try Workbench(settings)
defer { bench.cleanUp() }

print("machine: \(ProcessInfo.processInfo.processorCount) cores, \(bench.processor); build \(BenchmarkSettings.build)")
print("events: \(bench.eventCount), \(bench.eventBytes) bytes, from \(bench.eventOrigin)")
let chosen = Benchmark.all.filter { settings.names.isEmpty || settings.names.contains($0.name) }
var failures = settings.names.subtracting(Benchmark.all.map(\.name)).sorted().map {
    "\($0): no benchmark has this name"
}
for failure in failures { print(failure) }
var passed = 0
for benchmark in chosen {
    do {
        try benchmark.run(bench)
        passed += 1
    } catch {
        failures.append("\(benchmark.name): \(error)")
        print("\(benchmark.name): FAILED: \(error)")
    }
}
print("\(passed) passed, \(failures.count) failed")
bench.cleanUp()
exit(failures.isEmpty ? 0 : 1)
