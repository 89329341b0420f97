extension Configuration.Modules {
    static let section = Section<Self>(
        "modules", { Self() },
        [
            Key(
                "directory", \.directory, .text("a folder") { $0.isEmpty ? "it is empty" : nil },
                "The folder whose every .so is scanned."),
            Key(
                "load", \.load, Configuration.Load.section.format.list(),
                "Module instances that are configured here, or added to the folder's.",
                example: .list([
                    .map([
                        .init(key: "name", value: .string("billing")),
                        .init(key: "path", value: .string("./libbilling.so")),
                    ])
                ])),
            Key(
                "functions", \.functions, Configuration.Function.section.format.list(),
                "Plain C functions of shared libraries as handlers, functions.NAME."),
        ])
}

extension Configuration.Load {
    static let section = Section<Self>(
        "a module", { Self() },
        [
            Key(
                naming: "name", \.name, .name("a module's name"), "The instance's name, as billing in billing.charge.",
                example: .string("billing"), location: \.location),
            Key(
                "path", \.path, .text("a file"),
                "The module's file; without it, the folder's one whose manifest has this name, or whose file does.",
                example: .string("./libbilling.so"), shownIf: { $0.builtin == nil }),
            Key(
                "sha256", \.sha256,
                .text("64 hexadecimal digits, or empty", pattern: "^([0-9a-fA-F]{64})?$") { text in
                    text.isEmpty || (text.count == 64 && text.allSatisfy { $0.isASCII && $0.isHexDigit })
                        ? nil : "it has \(text.count) characters or other ones"
                },
                "The file's expected SHA-256; empty checks nothing.",
                example: .string("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
                shownIf: { $0.builtin == nil }),
            Key(
                "isolation", \.isolation, .choice(),
                "Where the module runs: inline in the host's own process, or in a process of its own.",
                shownIf: { $0.builtin == nil }),
            Key(
                "limits", \.limits, Configuration.WorkerLimits.section.format,
                "What a module in a process of its own may use.",
                example: .map([.init(key: "memory", value: .string("512MiB"))]),
                shownIf: { $0.isolation == .process }),
            Key(
                "builtin", \.builtin, Format<Builtin>.choice().optional,
                "A handler of the host under this name, instead of a file: {name: flaky, builtin: fail} is flaky.fail.",
                example: .string("fail")),
            Key(
                "grant", \.grant, Configuration.Grant.section.format, "What the module may do beside handling events.",
                shownIf: { $0.builtin == nil }),
            Key(
                "config", \.config, .freeMap, "The module's own configuration, which its schema describes.",
                example: .map([.init(key: "greeting", value: .string("good morning"))])),
        ],
        finish: finish)

    private static func finish(
        _ load: inout Self, _ node: YAMLNode, _ path: String, _ reading: inout Reading
    ) {
        load.sha256 = load.sha256.lowercased()
        if load.name == "builtin" || load.name == "functions" {
            reading.fail(
                .badValue, "'\(load.name)' is the name of the host's own handlers", at: load.location, "\(path).name",
                remedy: "choose another name")
        }
        if load.isolation == .inline, load.builtin == nil {
            reading.refuseInline("limits", "a module", in: node, path)
            if let grant = node["grant"]?.value {
                if !load.grant.read.isEmpty { reading.refuseInline("read", "a module", in: grant, "\(path).grant") }
                if !load.grant.write.isEmpty { reading.refuseInline("write", "a module", in: grant, "\(path).grant") }
            }
        }
        guard load.builtin != nil else { return }
        for key in ["path", "sha256", "isolation", "limits", "grant"] {
            guard let entry = node[key] else { continue }
            reading.fail(
                .impossible, "'\(key)' has no meaning beside 'builtin': the handler is the host's, not a file's",
                at: entry.keyLocation, "\(path).\(key)", remedy: "remove one of the two")
        }
    }
}

extension Reading {
    /// A key that only a process of its own has.
    mutating func refuseInline(_ key: String, _ what: String, in node: YAMLNode, _ path: String) {
        guard let entry = node[key] else { return }
        fail(
            .impossible, "'\(key)' has no meaning for \(what) that runs inline", at: entry.keyLocation,
            "\(path).\(key)", remedy: "set isolation: process, or remove it")
    }
}

extension Configuration.WorkerLimits {
    static let section = Section<Self>(
        "limits of a module", { Self() },
        [
            Key(
                "memory", \.memory, .bytes(0...(1 << 50)), "Its private memory in bytes; 0 is no limit.",
                example: .string("512MiB")),
            Key("openFiles", \.openFiles, .integer(0...1_000_000), "Its open files; 0 is no limit.", example: .int(64)),
            Key(
                "threads", \.threads, .integer(0...100_000), "Threads that it starts itself; 0 is no limit.",
                example: .int(16)),
            Key(
                "cpuTime", \.cpuTime, .duration(),
                "Processor time of one call; 0s is no limit. Beyond it the process ends.", example: .string("5s")),
        ])
}

extension Configuration.Security {
    static let section = Section<Self>(
        "security", { Self() },
        [
            Key(
                "requireSignedModules", \.requireSignedModules, .flag,
                "Whether modules, and the libraries beside them, need a signature of a trusted key."),
            Key(
                "trustedKeys", \.trustedKeys, Format<String>.place.list(),
                "Files of public keys, as patchbay keygen makes them; a signature that is there has to be of one of them.",
                example: .list([.string("/etc/patchbay/release.pub")])),
        ],
        finish: finish)

    private static func finish(
        _ security: inout Self, _ node: YAMLNode, _ path: String, _ reading: inout Reading
    ) {
        guard security.requireSignedModules, security.trustedKeys.isEmpty else { return }
        reading.fail(
            .impossible, "no key is trusted, so no module could be", at: node.location, path,
            remedy: "name the files of public keys as trustedKeys")
    }
}

extension Configuration.Grant {
    static let section = Section<Self>(
        "a grant", { Self() },
        [
            Key(
                "network", \.network, Format<String>.reach.list(),
                "Services that it may reach through the host, of those that its manifest names; none unless said.",
                example: .list([.string("api.stripe.com")])),
            Key(
                "read", \.read, Format<String>.place.list(),
                "Files and folders that a module in a process of its own may read.",
                example: .list([.string("/etc/acme")])),
            Key(
                "write", \.write, Format<String>.place.list(),
                "Files and folders that it may read, write, create and remove.",
                example: .list([.string("/var/lib/acme")])),
        ])
}

extension Format<String> {
    fileprivate static let place = Format<String>.text("a file or a folder") { $0.isEmpty ? "it is empty" : nil }

    /// As `NetworkGrant` of the host reads it.
    fileprivate static let reach = Format<String>.text(
        "a host", accepted: ["api.example.com", "127.0.0.1:8080", "*.example.com", "*"]
    ) { text in
        let name = text.hasPrefix("*.") ? String(text.dropFirst(2)) : text
        return text == "*" || Names.isHost(name) ? nil : "it has other characters, or none"
    }
}
