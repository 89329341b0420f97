import Foundation

/// How much the fuzzers try: in a run of the tests a little, and the same each time. `make fuzz` asks for more.
package enum FuzzBudget {
    /// How often what a run of the tests tries: `PATCHBAY_FUZZ`, 1 by default.
    package static let times = number("PATCHBAY_FUZZ") ?? 1
    /// Added to each fuzzer's own seeds, so that other inputs come: `PATCHBAY_FUZZ_SEED`, 0 by default.
    package static let seed = UInt64(number("PATCHBAY_FUZZ_SEED") ?? 0) << 32

    private static func number(_ variable: String) -> Int? {
        guard let text = ProcessInfo.processInfo.environment[variable] else { return nil }
        guard let number = Int(text), number >= 0 else { preconditionFailure("\(variable) is no number: \(text)") }
        return number
    }
}
