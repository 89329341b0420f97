import Foundation
import PatchbayEvents
import PatchbayExpressions
import Testing

@Suite struct SimilarityTests {
    /// Texts with what RapidFuzz says of them; `Fixtures/similarity.py` writes the file.
    private static let vectors: [(a: String, b: String, scores: [Double])] = {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/similarity.tsv")
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.compactMap { line in
            let columns = line.split(separator: "\t").map(String.init)
            let texts = columns.prefix(2).compactMap { column in
                (try? JSONSerialization.jsonObject(with: Data(column.utf8), options: .fragmentsAllowed)) as? String
            }
            let scores = columns.dropFirst(2).compactMap { Double($0) }
            return texts.count == 2 && scores.count == 4 ? (texts[0], texts[1], scores) : nil
        }
    }()

    private func similar(_ source: String, _ a: String, _ b: String) throws -> Double? {
        let expression = try Expression(source, in: ExpressionEnvironment(variables: ["a", "b"]))
        guard case .double(let score) = try expression.evaluate(nil, variables: [.string(a), .string(b)]) else {
            return nil
        }
        return score
    }

    @Test(arguments: ["jaroWinkler", "levenshtein", "tokenSort", "tokenSet"].enumerated().map { ($0, $1) })
    func `agrees with RapidFuzz`(column: Int, measure: String) throws {
        #expect(Self.vectors.count == 299)
        for (a, b, scores) in Self.vectors {
            let found = try #require(try similar("similar(a, b, '\(measure)')", a, b))
            #expect(abs(found - scores[column]) < 1e-9, "\(measure) of \(a) and \(b): \(found), not \(scores[column])")
        }
    }

    @Test func `is Jaro-Winkler unless told otherwise`() throws {
        for (a, b, scores) in Self.vectors.prefix(50) {
            #expect(abs(try #require(try similar("similar(a, b)", a, b)) - scores[0]) < 1e-9)
        }
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func `is between 0 and 1, 1 for equal texts, and the same both ways round`(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        func text() -> String {
            (0..<Int.random(in: 1...12, using: &random)).map { _ in
                String("abé  x".randomElement(using: &random) ?? "a")
            }
            .joined() + "z"
        }
        for _ in 0..<200 {
            let (a, b) = (text(), text())
            for measure in ["jaroWinkler", "levenshtein", "tokenSort", "tokenSet"] {
                let source = "similar(a, b, '\(measure)')"
                let score = try #require(try similar(source, a, b))
                #expect((0...1).contains(score), "\(measure) of \(a) and \(b)")
                #expect(try similar(source, a, a) == 1, "\(measure) of \(a)")
                // Jaro takes the first free match, so it may differ in the order of the texts.
                let back = try #require(try similar(source, b, a))
                #expect(measure == "jaroWinkler" || abs(score - back) < 1e-12, "\(measure) of \(a) and \(b)")
            }
        }
    }

    @Test func `costs as much as the texts are long, so that long ones are refused`() throws {
        let long = String(repeating: "ab", count: 10_000)
        let error = #expect(throws: EvaluationError.self) { try similar("similar(a, b)", long, long) }
        #expect(error?.code == .costExceeded)
        #expect(error?.position == SourcePosition(line: 1, column: 1))
    }
}
