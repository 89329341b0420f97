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
            Key(
                "isolation", \.isolation, .choice(),
                "Where the function runs: in a process of its own, or inline in the host's.",
                example: .string("inline")),
            Key(
                "limits", \.limits, Configuration.WorkerLimits.section.format,
                "What a function in a process of its own may use.",
                example: .map([.init(key: "memory", value: .string("512MiB"))]),
                shownIf: { $0.isolation == .process }),
            Key(
                "grant", \.grant, Configuration.Grant.section.format,
                "Files and folders that a function in a process of its own may see.",
                shownIf: { $0.isolation == .process }),
        ],
        finish: finish)

    private static func finish(
        _ function: inout Self, _ node: YAMLNode, _ path: String, _ reading: inout Reading
    ) {
        if function.isolation == .inline {
            for key in ["limits", "grant"] {
                reading.refuseInline(key, "a function", in: node, path)
            }
            return
        }
        if !function.blocking, let entry = node["blocking"] {
            reading.fail(
                .impossible, "a function in a process of its own may always have to wait for that process",
                at: entry.keyLocation, "\(path).blocking", remedy: "remove it, or set isolation: inline")
        }
        if !function.grant.network.isEmpty, let grant = node["grant"]?.value {
            reading.fail(
                .impossible, "a function calls no services of the host, so 'network' has no meaning",
                at: grant["network"]?.keyLocation ?? grant.location, "\(path).grant.network", remedy: "remove it")
        }
    }
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
