import Foundation
import PatchbayEvents
import PatchbayExpressions
import Testing

/// Texts of any depth end with an error, never with the end of the stack.
@Suite struct NestingTests {
    /// What can be nested or chained: before the middle, the middle, after it.
    private static let shapes: [(name: String, open: String, middle: String, close: String)] = [
        ("parentheses", "(", "1", ")"), ("lists", "[", "1", "]"), ("maps", "{1:", "1", "}"), ("minus", "-", "x", ""),
        ("not", "!", "b", ""), ("ternaries to the right", "b ? 1 : ", "1", ""),
        ("ternaries in the middle", "b ? (", "1", ") : 1"),
        ("members", "", "x", ".a"), ("optional members", "", "x", ".?a"), ("indices", "", "x", "[0]"),
        ("indices in indices", "x[", "0", "]"), ("calls", "size(", "'a'", ")"), ("member calls", "", "'a'", ".size()"),
        ("arguments", "'a'.contains(", "'a'", ")"), ("sums", "1+", "1", ""), ("comparisons", "b==", "b", ""),
        ("and", "b&&", "b", ""),
        ("or in parentheses", "(b||", "b", ")"), ("binds", "cel.bind(v,1,", "1", ")"),
        ("loops", "[1].map(v,", "1", ")"),
        ("loops over loops", "", "[1]", ".map(v,v)"), ("messages", "google.protobuf.Value{list_value:", "[]", "}"),
        ("unary mix", "-!", "x", ""), ("optional elements", "[?", "1", "]"), ("names", "", "a", ".b"),
        ("unfinished", "([{1:f(", "", ""), ("comments", "(//\n", "1", ")"),
    ]

    private func compile(_ source: String) -> ExpressionError.Code? {
        var environment = ExpressionEnvironment(eventPlan: FieldPlan(), variables: ["x", "b"])
        environment.isChecked = false
        do throws(ExpressionError) {
            let expression = try Expression(source, in: environment)
            do throws(EvaluationError) {
                _ = try expression.evaluate(nil, variables: [.int(1), .bool(true)])
            } catch {
                #expect(error.position != nil)
            }
            _ = expression.matches(nil, variables: [.int(1), .bool(true)])
            return nil
        } catch {
            #expect(error.line >= 1 && error.column >= 1)
            return error.code
        }
    }

    @Test(arguments: shapes.map(\.name)) func `nesting 100,000 levels is an error`(name: String) {
        for shape in Self.shapes where shape.name == name {
            for count in [100_000, 60_000 / max(1, shape.open.utf8.count + shape.close.utf8.count), 5_000] {
                let source =
                    String(repeating: shape.open, count: count) + shape.middle
                    + String(repeating: shape.close, count: count)
                let code = compile(source)
                // A row of `&&` is flat, however long it is.
                let isFlat = name == "and" && source.utf8.count < 65_536
                #expect(isFlat || code == .tooLarge, "\(name), \(count): \(code?.rawValue ?? "compiled")")
            }
        }
    }

    /// Everything that is allowed fits on the smallest stack that threads get by default, in a debug build, too.
    @Test func `the deepest expressions that compile fit into a stack of 2 MiB`() {
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            for shape in Self.shapes {
                for count in [20, 32, 45, 65, 66, 90, 99, 100, 180, 199, 200] {
                    _ = compile(
                        String(repeating: shape.open, count: count) + shape.middle
                            + String(repeating: shape.close, count: count))
                }
            }
            done.signal()
        }
        thread.stackSize = 2048 << 10
        thread.start()
        #expect(done.wait(timeout: .now() + 60) == .success)
    }
}
