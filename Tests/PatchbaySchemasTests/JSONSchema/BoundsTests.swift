import Foundation
import PatchbayEvents
import PatchbaySchemas
import Testing

/// Whatever schema and instance are, validation ends with an answer.
@Suite struct BoundsTests {
    @Test func `stops at the step limit instead of trying every combination`() throws {
        // Each level asks the next one twice: 2^30 ways.
        var definitions: [(Value.Key, Value)] = [(.string("d30"), try json(#"{"type": "null"}"#))]
        for level in 0..<30 {
            let next = "{\"$ref\": \"#/$defs/d\(level + 1)\"}"
            definitions.append((.string("d\(level)"), try json("{\"anyOf\": [\(next), \(next)]}")))
        }
        let schema = Value.map(
            Value.Map([
                (.string("$ref"), .string("#/$defs/d0")), (.string("$defs"), .map(Value.Map(definitions))),
            ]))
        var options = JSONSchema.Options()
        options.limits.stepsMax = 100_000
        let compiled = try JSONSchema(compiling: schema, options: options)
        #expect(compiled.validate(.int(1)).map(\.keyword) == ["limit"])
        #expect(!compiled.isValid(.int(1)))
        #expect(compiled.validate(.null).isEmpty)
    }

    @Test func `stops a dynamic reference to itself on a small stack`() throws {
        let schema = try JSONSchema(compiling: json(##"{"$dynamicAnchor": "a", "not": {"$dynamicRef": "#a"}}"##))
        // A quarter of what a thread has by default.
        let thread = StackTest { schema.validate(.null).map(\.keyword) }
        #expect(thread.run(stackBytes: 2 << 20) == ["limit"])
    }

    @Test func `stops in an instance that is deeper than the limit`() throws {
        let schema = try JSONSchema(compiling: json(##"{"items": {"$ref": "#"}}"##))
        var instance = Value.list([])
        for _ in 0..<1_000 { instance = .list([instance]) }
        let found = schema.validate(instance)
        #expect(found.count == 1)
        #expect(found[0].message.contains("levels deep"))
        #expect(!schema.isValid(instance))
    }

    @Test func `fills no default into itself and ends where references fan out`() throws {
        let schema = try JSONSchema(compiling: json(##"{"properties": {"a": {"$ref": "#", "default": {}}}}"##))
        #expect(schema.fillingDefaults(in: try json("{}")) == (try json(#"{"a": {}}"#)))

        let fan = ##"{"allOf": [{"$ref": "#/$defs/NEXT"}, {"$ref": "#/$defs/NEXT"}]}"##
        var definitions = [#""d40": {"properties": {"x": {"default": 1}}}"#]
        for level in 0..<40 { definitions.append("\"d\(level)\": " + fan.replacing("NEXT", with: "d\(level + 1)")) }
        var options = JSONSchema.Options()
        options.limits.stepsMax = 10_000
        let wide = try JSONSchema(
            compiling: json("{\"$ref\": \"#/$defs/d0\", \"$defs\": {\(definitions.joined(separator: ","))}}"),
            options: options)
        #expect(wide.fillingDefaults(in: try json("{}")) == (try json(#"{"x": 1}"#)))
    }
}

/// Runs a closure on a thread with a stack of a given size.
private final class StackTest<Result: Sendable>: @unchecked Sendable {
    // Invariant: `result` is written by the thread before it signals, and read after.
    private let body: @Sendable () -> Result
    private var result: Result?

    init(_ body: @escaping @Sendable () -> Result) { self.body = body }

    func run(stackBytes: Int) -> Result? {
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            self.result = self.body()
            done.signal()
        }
        thread.stackSize = stackBytes
        thread.start()
        done.wait()
        return result
    }
}
