package import PatchbayEvents

extension Manifest {
    private static let handlersMax = 256

    /// A manifest from parsed JSON.
    ///
    /// - Shape: `abi`, `name`, `version` and `handlers` are required, all other keys have defaults: runtime `c`,
    ///   linkage `shared`, no services, concurrency 0, blocking.
    /// - Errors: every problem at once.
    package init(_ value: Value) throws(ManifestError) {
        guard case .map(let root) = value else {
            throw ManifestError(problems: [.init(pointer: "", message: "the manifest must be a JSON object")])
        }
        var reader = ManifestReader()
        let abi = reader.map("abi", of: root, at: "")
        if root["abi"] == nil { reader.problem("/abi", "missing; an object with 'major' and 'minor' is required") }
        let range: ClosedRange<Int64> = 0...Int64(UInt32.max)
        abiMajor = abi.map { UInt32(reader.integer("major", of: $0, at: "/abi", in: range, or: nil)) } ?? 0
        abiMinor = abi.map { UInt32(reader.integer("minor", of: $0, at: "/abi", in: range, or: 0)) } ?? 0
        name = reader.name("name", of: root, at: "")
        version = Self.version(root, &reader)
        description = reader.string("description", of: root, at: "", or: "")
        runtime = reader.choice("runtime", of: root, at: "", or: .c)
        runtimeVersion = reader.string("runtimeVersion", of: root, at: "", or: "")
        linkage = reader.choice("linkage", of: root, at: "", or: .shared)
        requires = reader.strings("requires", of: root, at: "")
        let capabilities = reader.map("capabilities", of: root, at: "")
        network = capabilities.map { reader.strings("network", of: $0, at: "/capabilities") } ?? []
        files = capabilities.map { reader.strings("files", of: $0, at: "/capabilities") } ?? []
        handlers = Self.handlers(root, &reader)
        source = value
        guard reader.problems.isEmpty else { throw ManifestError(problems: reader.problems) }
    }

    private static func version(_ root: Value.Map, _ reader: inout ManifestReader) -> String {
        let version = reader.string("version", of: root, at: "", or: nil)
        let plain = version.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "@") }
        if case .string? = root["version"], !plain || !(1...64).contains(version.utf8.count) {
            reader.problem("/version", "must be 1 to 64 printable characters without spaces and '@'")
        }
        return version
    }

    private static func handlers(_ root: Value.Map, _ reader: inout ManifestReader) -> [Handler] {
        guard case .list(let items)? = root["handlers"], (1...handlersMax).contains(items.count) else {
            reader.problem("/handlers", "a list of 1 to \(handlersMax) handlers is required")
            return []
        }
        var handlers: [Handler] = []
        for (index, item) in items.enumerated() {
            let base = "/handlers/\(index)"
            guard case .map(let map) = item else {
                reader.problem(base, "must be an object")
                continue
            }
            let handler = handler(map, at: base, &reader)
            if handlers.contains(where: { $0.id == handler.id }) {
                reader.problem("\(base)/id", "'\(handler.id)' is the id of an earlier handler")
            }
            handlers.append(handler)
        }
        return handlers
    }

    private static func handler(_ map: Value.Map, at base: String, _ reader: inout ManifestReader) -> Handler {
        let batch = reader.map("batch", of: map, at: base)
        let schema = map["config"]
        switch schema {
        case nil, .map, .bool: break
        default: reader.problem("\(base)/config", "must be a JSON Schema: an object or a boolean")
        }
        return Handler(
            id: reader.name("id", of: map, at: base),
            description: reader.string("description", of: map, at: base, or: ""),
            accepts: reader.strings("accepts", of: map, at: base),
            emits: reader.strings("emits", of: map, at: base),
            concurrency: Int(reader.integer("concurrency", of: map, at: base, in: 0...1_000_000, or: 0)),
            blocking: reader.bool("blocking", of: map, at: base, or: true),
            batchMax: batch.map {
                Int(reader.integer("max", of: $0, at: "\(base)/batch", in: 1...1_000_000, or: nil))
            },
            configSchema: schema)
    }
}
