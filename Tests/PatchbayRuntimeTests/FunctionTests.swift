import Foundation
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayExpressions
import Synchronization
import Testing

@testable import PatchbayRuntime

/// Plain C functions as handlers: what goes in and comes out of each type, and what is refused.
@Suite struct FunctionTests {
    private func function(_ signature: String, _ symbol: String) throws -> CFunction {
        try CFunction(FunctionSignature(signature), library: PlainLibrary.path(), symbol: symbol)
    }

    /// Calls it, as a handler does.
    private func call(_ signature: String, _ symbol: String, _ arguments: Value...) throws -> FunctionCodec.Outcome {
        try Self.call(function(signature, symbol), arguments)
    }

    private static func call(_ function: CFunction, _ arguments: [Value]) throws -> FunctionCodec.Outcome {
        var bytes: [UInt8] = []
        #expect(function.signature.ins.count == arguments.count)
        for (value, shape) in zip(arguments, function.signature.ins) {
            try FunctionCodec.append(value, as: shape, to: &bytes)
        }
        let given = try #require(function.call(bytes))
        return try #require(FunctionCodec.outcome(given, of: function.signature))
    }

    private static let numbers: [(type: String, values: [Value])] = [
        ("i8", [.int(-128), .int(127), .int(0)]), ("i16", [.int(-32768), .int(32767)]),
        ("i32", [.int(-2_147_483_648), .int(2_147_483_647)]), ("i64", [.int(.min), .int(.max)]),
        ("u8", [.uint(255), .uint(0)]), ("u16", [.uint(65535)]), ("u32", [.uint(4_294_967_295)]),
        ("u64", [.uint(.max)]), ("f32", [.double(0.5), .double(-1e10), .double(.infinity)]),
        ("f64", [.double(0.1), .double(-.greatestFiniteMagnitude)]),
    ]

    @Test(arguments: numbers)
    func `numbers go in and come out as they are, by value and by pointer`(type: String, values: [Value]) throws {
        for value in values {
            // A float has the nearest value to what was given.
            let expected: Value =
                if type == "f32", case .double(let number) = value { .double(Double(Float(number))) } else { value }
            #expect(try call("\(type)(\(type))", "same_\(type)", value).result == expected)
            let out = try call("void(\(type), out \(type) it)", "set_\(type)", value)
            #expect(out.result == .null && out.outs.map(\.name) == ["it"] && out.outs[0].value == expected)
        }
        let twice = try call("void(inout \(type))", "twice_\(type)", .int(21))
        #expect(twice.outs.map(\.name) == ["out1"])
        let expected: Value = type.hasPrefix("f") ? .double(42) : type.hasPrefix("u") ? .uint(42) : .int(42)
        #expect(twice.outs[0].value == expected)
    }

    @Test func `text and bytes go in, come back, and are written to`() throws {
        #expect(try call("string(string)", "same_text", .string("grüße")).result == .string("grüße"))
        #expect(try call("string(string)", "same_text", .null).result == .null)
        #expect(try call("u64(string)", "length", .null).result == .uint(99))
        #expect(try call("u64(bytes)", "length", .bytes(Array("abc".utf8))).result == .uint(3), "ends in a zero")
        #expect(try call("u64(bytes, u64)", "sum", .bytes([250, 0, 6]), .int(3)).result == .uint(256))
        #expect(
            try call("void(inout bytes b, u64)", "upper", .string("abC"), .int(3)).outs[0].value
                == .bytes(Array("ABC".utf8)))
        let filled = try call("i32(out bytes[5] b, out string[64] s)", "fill")
        #expect(filled.result == .int(3))
        #expect(filled.outs[0].value == .bytes([7, 7, 7, 0, 0]) && filled.outs[1].value == .string("done"))
    }

    @Test func `structs go by pointer, in, out and both, laid out as C does`() throws {
        let shape = "{i8 a, f64 b, i16 c, u64 d, f32 e}"
        let fields: [Value] = [.int(-1), .double(0.25), .int(-2), .int(10), .double(1.5)]
        #expect(try call("f64(\(shape))", "read_", .list(fields)).result == .double(8.75))
        let named = Value.object([
            ("e", fields[4]), ("d", fields[3]), ("c", fields[2]), ("b", fields[1]), ("a", fields[0]),
        ])
        #expect(try call("f64(\(shape))", "read_", named).result == .double(8.75))
        #expect(try call("f64(\(shape))", "read_", .null).result == .double(-1))
        #expect(
            try call("void(out \(shape) m)", "write_").outs[0].value
                == .object([
                    ("a", .int(-1)), ("b", .double(0.5)), ("c", .int(-300)), ("d", .uint(.max)), ("e", .double(1.5)),
                ]))
        #expect(
            try call("void(inout {i8, f64, i16, u64, f32})", "grow", .list(fields)).outs[0].value
                == .object([
                    ("field1", .int(0)), ("field2", .double(0.5)), ("field3", .int(-3)), ("field4", .uint(5)),
                    ("field5", .double(2.5)),
                ]))
    }

    @Test func `many parameters of all kinds arrive in their places`() throws {
        let given = try call(
            "f64(i8, f32, i64, f64, u16, f32, i32, f64, u8, i64)", "many", .int(1), .double(2), .int(3), .double(4),
            .int(5), .double(6), .int(7), .double(8), .int(9), .int(10))
        // The sum of the first ten squares.
        #expect(given.result == .double(385))
    }

    @Test func `errno is the call's own`() throws {
        let failed = try call("i32(i32)", "fails", .int(Int64(ENOENT)))
        #expect(failed.result == .int(-1) && failed.errno == Int64(ENOENT))
        #expect(try call("i32(i32)", "same_i32", .int(1)).errno == 0, "not the one of a call before")
    }

    @Test func `zlib's and the C library's functions give what is known of them`() throws {
        let crc32 = try CFunction(FunctionSignature("u64(u64, bytes, u32)"), library: "libz.so.1", symbol: "crc32")
        // The check value of CRC-32/ISO-HDLC.
        #expect(try Self.call(crc32, [.int(0), .bytes(Array("123456789".utf8)), .int(9)]).result == .uint(0xCBF4_3926))
        let strtol = try CFunction(
            FunctionSignature("i64(string, string, i32)"), library: "libc.so.6", symbol: "strtol")
        #expect(try Self.call(strtol, [.string("-0x1f"), .null, .int(16)]).result == .int(-31))
        let large = try Self.call(strtol, [.string("99999999999999999999"), .null, .int(10)])
        #expect(large.result == .int(.max) && large.errno == Int64(ERANGE))
    }

    @Test func `calls on many threads do not touch each other`() throws {
        let function = try function("u64(u64, out u64)", "slow")
        let wrong = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for turn in 0..<500 {
                let value = UInt64(thread * 1_000_003 + turn)
                let outcome = try? Self.call(function, [.uint(value)])
                let isRight =
                    outcome?.result == .uint(value) && outcome?.outs[0].value == .uint(value)
                    && outcome?.errno == Int64(value & 63)
                if !isRight { wrong.add(1, ordering: .relaxed) }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
    }

    private static func list(_ type: String, _ count: Int) -> String {
        Array(repeating: type, count: count).joined(separator: ",")
    }

    private static let wrongSignatures: [(text: String, message: String, offset: Int)] = [
        ("", "a result is void", 0), ("i32", "it ends where '('", 3), ("int(i32)", "a result is", 0),
        ("i32(", "expected a type", 4), ("i32(i32", "it ends where ')'", 7), ("i32(i32,)", "expected a type", 8),
        ("i32(long)", "'long' is no type", 4), ("i32(void)", "only a result can be void", 4),
        ("i32() x", "nothing comes after", 6), ("i32(out string)", "say its room", 8),
        ("i32(string[8])", "only an out parameter", 4), ("i32(inout string)", "take bytes", 10),
        ("i32(out bytes[0])", "room is", 14), ("i32(out bytes[9999999])", "room is", 14),
        ("i32({})", "a field is", 5), ("i32({string})", "a field is", 5), ("i32({i32)", "expected '}'", 8),
        ("bytes()", "a result is", 0),
        ("i32(\(list("i32", 17)))", "at most 16 parameters", 68),
        ("i32({\(list("i8", 17))})", "at most 16 fields", 53),
        ("i32(i32 \(String(repeating: "n", count: 32)))", "at most 31 characters", 8),
    ]

    @Test(arguments: wrongSignatures)
    func `a wrong signature is refused with the place`(text: String, message: String, offset: Int) throws {
        let error = #expect(throws: FunctionError.self) { _ = try FunctionSignature(text) }
        #expect(error?.message.contains(message) == true && error?.offset == offset, "\(String(describing: error))")
    }

    @Test func `no text makes the parser or a call read what is not there`() {
        var random = SystemRandomNumberGenerator()
        let pieces = [
            "i8", "u64", "f32", "(", ")", "{", "}", ",", "out ", "inout ", "string", "bytes", "[", "9", "]", " a",
        ]
        for _ in 0..<3_000 {
            let text = (0..<Int.random(in: 1...12, using: &random)).map { _ in pieces.randomElement() ?? "" }.joined()
            do throws(FunctionError) {
                let signature = try FunctionSignature(text)
                let function = try CFunction(signature, library: "libc.so.6", symbol: "getpid")
                // Too few bytes for what is to be handed over: refused, not read.
                if !signature.ins.isEmpty { #expect(function.call([1, 2, 3]) == nil, "\(text)") }
            } catch {
                #expect(!error.message.isEmpty, "\(text): \(error)")
            }
        }
    }

    /// Regression: a length that was next to the largest number there is ended the host.
    @Test func `what a worker gone wild gives in the place of results is refused, not trusted`() throws {
        let signature = try FunctionSignature("string(out bytes[9] b, out {i8, f64} s)")
        func bytes(_ number: UInt64) -> [UInt8] { withUnsafeBytes(of: number) { Array($0) } }
        for length in [UInt64.max - 1, UInt64.max - 7, 1 << 63, 9] {
            #expect(FunctionCodec.outcome(bytes(length) + bytes(0), of: signature) == nil)
        }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2_000 {
            let words = (0..<Int.random(in: 0...8, using: &random)).flatMap { _ in
                bytes([0, 1, 8, UInt64.max, .random(in: 0...(.max), using: &random)].randomElement() ?? 0)
            }
            if let outcome = FunctionCodec.outcome(words, of: signature) { #expect(outcome.outs.count == 2) }
        }
    }

    private static let misfits: [(type: String, value: Value)] = [
        ("u8", .int(256)), ("u8", .int(-1)), ("i8", .int(128)), ("i32", .double(0.5)), ("u64", .double(-1)),
        ("i64", .uint(.max)), ("i32", .string("1")), ("string", .string("a\u{0}b")), ("string", .int(1)),
        ("bytes", .bool(true)), ("f64", .string("1")), ("{i8}", .list([])), ("{i8}", .list([.int(300)])),
        ("{i8 a}", .object([("b", .int(1))])), ("i64", .double(.nan)), ("i64", .null),
    ]

    @Test(arguments: misfits)
    func `a value that does not fit is refused, never cut`(type: String, value: Value) throws {
        let shape = try #require(FunctionSignature("void(\(type))").ins.first)
        var bytes: [UInt8] = []
        #expect(throws: FunctionCodec.Misfit.self) { try FunctionCodec.append(value, as: shape, to: &bytes) }
    }

    // MARK: Configured

    private func yaml(_ function: String, routes: String = "") -> String {
        """
        modules:
          functions:
            - {name: f, \(function)}
        sources: [{name: events, type: file, path: FOLDER/events.jsonl}]
        policies: {retries: {default: {duration: 1ms, maxRetries: 2}}}
        unmatched: drop
        routes:
          - {name: all, type: com.acme.test, to: [{handler: functions.f}]}
        \(routes)
        """
    }

    /// As in `modules.functions[].isolation`.
    static let ways = ["inline", "process"]

    @Test(
        arguments: [
            ("library: libz.so.1, symbol: crc32, signature: 'u64(u64, byte, u32)'", "4:", "'byte' is no type"),
            ("library: libnone.so, symbol: crc32, signature: 'u64()'", "library", "libnone.so"),
            ("library: libz.so.1, symbol: crc33, signature: 'u64()'", "symbol", "has no function 'crc33'"),
            (
                "library: libz.so.1, symbol: crc32, signature: 'u64(u64)'", "functions[0]",
                "takes 1 arguments, and there are 0"
            ),
            (
                "library: libz.so.1, symbol: crc32, signature: 'u64(u8)', args: ['300']", "args[0]",
                "300 does not fit u8"
            ),
            ("library: libz.so.1, symbol: crc32, signature: 'u64(u8)', args: [event.id]", "args[0]", "does not fit u8"),
            ("library: libz.so.1, symbol: crc32, signature: 'u64(u8)', args: [evnt.id]", "args[0]", "nothing is named"),
            (
                "library: libz.so.1, symbol: crc32, signature: 'u64(u8)', args: ['1'], fail: result +", "fail",
                "ends here"
            ),
            (
                "library: libz.so.1, symbol: crc32, signature: 'u64(u8)', args: ['1'], fail: errno", "fail",
                "neither true nor"
            ),
            ("library: libz.so.1, symbol: x, signature: 'u64(out u8 a, out u8 a)'", "signature", "two out parameters"),
        ], ways)
    func `what cannot be called is refused when it is read, with its place`(
        wrong: (function: String, place: String, message: String), way: String
    ) throws {
        let (function, place, message) = wrong
        let errors = #expect(throws: ConfigurationErrors.self) {
            _ = try RunBench().preparation(yaml("\(function), isolation: \(way)"))
        }
        let error = try #require(errors?.errors.first)
        #expect(error.location.line == 4 && error.location.file.hasSuffix("patchbay.yaml"), "\(error)")
        #expect("\(error.location.line): \(error.path)".contains(place) && error.message.contains(message), "\(error)")
    }

    @Test func `a handler that no function has is refused with those that there are`() throws {
        let text = yaml("library: libc.so.6, symbol: getpid, signature: i32()").replacing(
            "functions.f}", with: "functions.g}")
        let errors = #expect(throws: ConfigurationErrors.self) { _ = try RunBench().preparation(text) }
        #expect(errors?.errors.first?.message.contains("no function is named 'functions.g'") == true)
        #expect(errors?.errors.first?.accepted == ["functions.f"])
    }

    @Test(arguments: ways)
    func `result, errno and outs decide what becomes of an event, and come in as one`(way: String) throws {
        let bench = try RunBench()
        let library = try PlainLibrary.path()
        let numbers = [0, 2, 11, 11, 300]
        try bench.write(
            "events.jsonl", numbers.enumerated().map { Events.line($0, data: "{\"with\":\($1)}") + "\n" }.joined())
        let report = try bench.run(
            yaml(
                "library: \(library), symbol: slow, signature: 'u64(u64, out u64 copy)', "
                    + "args: ['event.data.with == 300 ? -1 : int(event.data.with)'], "
                    + "fail: errno == 2, retry: outs.copy == 11u, emit: {type: com.acme.out}, isolation: \(way)",
                routes: "  - {name: out, type: com.acme.out, to: [{handler: builtin.log}]}"))
        #expect(report.drift == nil && report.counts("functions.f").done == 1 && report.counts("functions.f").dead == 4)
        #expect(report.counts("functions.f").dead == 4 && report.counts("builtin.log").done == 1)
        let letters = try bench.deadLetters()
        let reasons = letters.map { "\($0["dlqattempts"] ?? "") \($0["dlqreason"] ?? "")" }.sorted()
        #expect(
            reasons.count { $0.hasPrefix("3 function: slow gave 11") && $0.hasSuffix(", errno 11") } == 2, "\(reasons)")
        #expect(reasons.contains { $0.hasPrefix("1 function: slow gave 2") && $0.hasSuffix("errno 2") }, "\(reasons)")
        #expect(reasons.contains { $0.hasPrefix("1 invalid: args[0]: -1 does not fit u64") }, "\(reasons)")
        let data = bench.log.all.compactMap { $0.metadata["type"] == "com.acme.out" ? $0.metadata["data"] : nil }
        #expect(data == [#"{"result":0,"errno":0,"outs":{"copy":0}}"#])
    }

    @Test(arguments: ways)
    func `what was judged of a library at a path is what runs, whatever becomes of the file`(way: String) throws {
        let bench = try RunBench()
        let library = try PlainLibrary.answering(1, in: bench.folder)
        try bench.write("events.jsonl", Events.line(1) + "\n")
        let preparation = try bench.preparation(
            yaml(
                "library: \(library), symbol: answer, signature: 'i32()', emit: {type: com.acme.out}, isolation: \(way)",
                routes: "  - {name: out, type: com.acme.out, to: [{handler: builtin.log}]}"))
        // The library that lies beside it, too.
        _ = try PlainLibrary.answering(2, in: bench.folder)
        let host = try bench.host(of: preparation)
        try host.start()
        #expect(host.wait().counts("builtin.log").done == 1)
        let found = bench.log.all.compactMap { $0.metadata["data"] }
        #expect(found == [#"{"result":1,"errno":0,"outs":{}}"#])
    }

    @Test(arguments: ways)
    func `the copy of a library is not what messages name`(way: String) throws {
        let bench = try RunBench()
        let library = try PlainLibrary.answering(1, in: bench.folder)
        let errors = #expect(throws: ConfigurationErrors.self) {
            _ = try bench.preparation(yaml("library: \(library), symbol: ask, signature: 'i32()', isolation: \(way)"))
        }
        #expect(errors?.errors.first?.message == "function 'f': \(library) has no function 'ask'")
    }

    @Test(arguments: ways)
    func `the bytes of an event's data are what came in`(way: String) throws {
        let bench = try RunBench()
        let data = #"{ "b" : 1.50, "ü":[ ] }"#
        try bench.write("events.jsonl", Events.line(1, data: data) + "\n")
        let report = try bench.run(
            yaml(
                "library: libz.so.1, symbol: crc32, signature: 'u64(u64, bytes, u32)', "
                    + "args: ['0', event.data_bytes, size(event.data_bytes)], emit: {type: com.acme.out}, isolation: \(way)",
                routes: "  - {name: out, type: com.acme.out, to: [{handler: builtin.log}]}"))
        #expect(report.counts("builtin.log").done == 1)
        var crc: UInt32 = .max
        for byte in data.utf8 {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xEDB8_8320 : crc >> 1 }
        }
        let found = bench.log.all.compactMap { $0.metadata["data"] }
        #expect(found == [#"{"result":\#(~crc),"errno":0,"outs":{}}"#])
    }
}
