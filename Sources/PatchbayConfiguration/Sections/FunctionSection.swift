extension Configuration.Function {
    static let section = Section<Self>(
        "a function", { Self() },
        [
            Key(
                naming: "name", \.name, .name("a function's name"), "checksum is the handler functions.checksum.",
                example: .string("checksum"), location: \.location),
            Key(
                "library", \.library, .text("a library") { $0.isEmpty ? "it is empty" : nil },
                "The shared library: a name that the dynamic linker finds, or a path.", example: .string("libz.so.1"),
                required: true),
            Key(
                "symbol", \.symbol, .text("a function's name") { $0.isEmpty ? "it is empty" : nil },
                "The function's name in the library.", example: .string("crc32"), required: true),
            Key(
                "signature", \.signature, .text("a signature") { $0.isEmpty ? "it is empty" : nil },
                "The function's types, such as u64(u64, bytes, u32).", example: .string("u64(u64, bytes, u32)"),
                required: true),
            Key(
                "args", \.args, Format<ExpressionSource>.expression(.argument, mayBeEmpty: false).list(),
                "CEL values over event, with event.data_bytes, for the parameters that are not out.",
                example: .list([.string("0"), .string("event.data_bytes"), .string("size(event.data_bytes)")])),
            Key(
                "fail", \.fail, .expression(.outcome),
                "CEL over result, errno and outs: true makes the event a dead letter."),
            Key(
                "retry", \.retry, .expression(.outcome),
                "CEL over result, errno and outs: true has the event tried again, unless fail is true."),
            Key(
                "emit", \.emit, Emit.section.format.optional,
                "An event for each call that succeeds, with result, errno and outs in its data.",
                example: .map([.init(key: "type", value: .string("com.acme.checksum"))])),
            Key(
                "concurrency", \.concurrency, .integer(0...65_536),
                "Calls at once that the function bears; 0 is no bound."),
            Key("blocking", \.blocking, .flag, "false promises that the function returns promptly."),
        ])
}

extension Configuration.Function.Emit {
    static let section = Section<Self>(
        "an emitted event", { Self() },
        [
            Key(
                "type", \.type, .text("an event's type") { $0.isEmpty ? "it is empty" : nil },
                "The event's type.", example: .string("com.acme.checksum"), required: true)
        ])
}
