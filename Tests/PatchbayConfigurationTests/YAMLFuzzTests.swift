import PatchbayTestKit
import Testing

@testable import PatchbayConfiguration

@Suite struct YAMLFuzzTests {
    @Test func `mutated files give errors or a value, never a crash`() {
        var valid = 0
        for seed in FuzzBudget.seed + 1...FuzzBudget.seed + UInt64(400 * FuzzBudget.times) {
            var random = SplitMix(seed: seed)
            var bytes = Array(completeExample.utf8)
            for _ in 0..<Int.random(in: 1...5, using: &random) { Self.mutate(&bytes, &random) }
            let yaml = String(decoding: bytes, as: UTF8.self)
            let draft = draft(yaml, environment: ["DB_URL": "x"]) { text, _ in
                text.count % 5 == 0 ? .init(message: "x", offset: Int(text.count) + 3) : nil
            }
            for error in draft.errors {
                #expect(error.location.line >= 1 && error.location.column >= 1, "seed \(seed)")
                #expect(!error.message.isEmpty && !error.message.contains("\n"), "seed \(seed): \(error)")
            }
            let printed = EffectiveConfiguration(draft.configuration).yaml
            if draft.errors.isEmpty {
                valid += 1
                #expect(throws: Never.self, "seed \(seed)") { try draft.validated { _ in .found } }
                // What is accepted prints as something that is accepted.
                #expect(Configuration.read(text: printed, file: "e.yaml") { _, _ in nil }.errors == [], "seed \(seed)")
            }
        }
        #expect(valid > 10 * FuzzBudget.times)
    }

    private static func mutate(_ bytes: inout [UInt8], _ random: inout SplitMix) {
        guard !bytes.isEmpty else { return }
        let at = Int.random(in: 0..<bytes.count, using: &random)
        let end = min(bytes.count, at + Int.random(in: 1...40, using: &random))
        switch random.next() % 9 {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.removeSubrange(at..<end)
        case 2: bytes.insert(contentsOf: Array(bytes[at..<end]), at: Int.random(in: 0...bytes.count, using: &random))
        case 3:
            let pieces = [
                "*a", "&a ", "<<: ", "${X}", "\t", "- ", "? ", "!!int ", "|\n", "\"", "'", "}", "{", ": ", "\u{0}",
            ]
            bytes.insert(contentsOf: Array(pieces[Int(random.next() % UInt64(pieces.count))].utf8), at: at)
        case 4:
            let words = ["-1", "99999999999999999999", "null", "[]", "{}", "true", "1e400", ".inf", "0x"]
            bytes.replaceSubrange(at..<end, with: Array(words[Int(random.next() % UInt64(words.count))].utf8))
        case 5: bytes.swapAt(at, end - 1)
        default:
            // Another digit often leaves a file that is right.
            let digit = bytes[at...].firstIndex { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            if let digit { bytes[digit] = UInt8.random(in: UInt8(ascii: "1")...UInt8(ascii: "9"), using: &random) }
        }
    }
}
