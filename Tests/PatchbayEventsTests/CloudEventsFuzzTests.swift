import CPatchbayJSON
import Foundation
import PatchbayEvents
import PatchbayTestKit
import Testing

@Suite struct CloudEventsFuzzTests {
    private static let seeds = [
        line(), line("\"ext\":-12,\"data\":{\"a\":[1,2.5e-3,{\"b\":\"x\\n\"}],\"n\":null,\"t\":true,\"f\":false}"),
        line("\"subject\":\"\\u00e9\\ud83d\\ude00\",\"data\":\"é😀\",\"datacontenttype\":\"text/plain\""),
        line("\"time\":\"2026-01-01T00:00:00.000Z\",\"data\":[[[]],{},{\"a\":{\"b\":{\"c\":1}}}, -0.0 , 1E5 ]"),
        line("\"data_base64\":\"eyJhIjoxfQ==\",\"datacontenttype\":\"application/json\",\"dataschema\":\"urn:a\""),
    ]
    private static let alphabet =
        Array("{}[]:,\"\\/ue+-.0123459 \t\rtrfalsn\u{0}\u{1}\u{7F}é".utf8) + [0xFF, 0xC3, 0xED, 0xA0, 0x0C, 0x1A]

    /// Lines with one to four bytes changed, cut, doubled or put elsewhere.
    private static func mutants(_ count: Int, seed: UInt64) -> [[UInt8]] {
        var random = SeededRandom(state: seed)
        return (0..<count).map { _ in
            var text = Array(seeds[Int.random(in: 0..<seeds.count, using: &random)].utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) where !text.isEmpty {
                let at = Int.random(in: 0..<text.count, using: &random)
                let length = min(Int.random(in: 1...6, using: &random), text.count - at)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: text[at] = alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
                case 1: text.insert(alphabet[Int.random(in: 0..<alphabet.count, using: &random)], at: at)
                case 2: text.removeSubrange(at..<(at + length))
                case 3: text.insert(contentsOf: text[at..<(at + length)], at: at)
                default: text.swapAt(at, Int.random(in: 0..<text.count, using: &random))
                }
            }
            return text.filter { $0 != 0x0A }
        }
    }

    @Test func `agrees with Foundation about what is JSON, line by line`() throws {
        let count = 10_000 * FuzzBudget.times
        let seed = FuzzBudget.seed + 0xCE
        let plain = LineDecoder(),
            planned = LineDecoder(paths: [["data", "a"], ["data", "a", "b"], ["subject"], ["ext"]])
        var accepted = 0, compared = 0
        for mutant in Self.mutants(count, seed: seed) where mutant.contains(where: { $0 > 0x20 }) {
            let found = try plain.decode(mutant), again = try planned.decode(mutant, filler: UInt8(ascii: "]"))
            let text = String(decoding: mutant, as: UTF8.self)
            #expect(found.map(\.message) == again.map(\.message), "seed \(seed): \(text)")
            #expect(found.map(\.event) == again.map(\.event), "seed \(seed): \(text)")
            guard let only = found.first, found.count == 1 else {
                Issue.record("seed \(seed): \(found.count) records of \(text)")
                continue
            }
            accepted += only.isAccepted ? 1 : 0
            guard let verdict = foundationVerdict(mutant) else { continue }
            compared += 1
            let isJSON = ![PBJ_E_SYNTAX.rawValue, PBJ_E_UTF8.rawValue].contains(only.record.error)
            // An attribute's error comes first when what is no JSON follows it, so only this direction always holds.
            if !isJSON || only.isAccepted { #expect(isJSON == verdict, "seed \(seed): \(text)") }
            let wrapped = try plain.decode(mutant, filler: UInt8(ascii: "1"), envelope: ("t", "/s", "", 0))
            #expect(wrapped.first?.isAccepted == verdict, "seed \(seed): \(text)")
        }
        #expect(accepted > count / 100 && compared > count / 2)
    }

    /// Whether Foundation takes a text as JSON; `nil` where it knowingly differs from RFC 8259.
    private func foundationVerdict(_ text: [UInt8]) -> Bool? {
        guard !text.contains(0), String(validating: text, as: UTF8.self) != nil else { return nil }
        // It takes a comma before a closing bracket.
        let visible = text.filter { $0 > 0x20 }
        let closers = Array("]}".utf8)
        if zip(visible, visible.dropFirst()).contains(where: { $0 == UInt8(ascii: ",") && closers.contains($1) }) {
            return nil
        }
        return (try? JSONSerialization.jsonObject(with: Data(text), options: .fragmentsAllowed)) != nil
    }
}
