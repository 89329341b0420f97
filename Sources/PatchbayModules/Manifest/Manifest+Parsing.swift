package import PatchbayEvents
import PatchbaySchemas

extension Manifest {
    private static let handlersMax = 256

    /// A manifest from parsed JSON.
    ///
    /// - Shape: `abi`, `name`, `version`, `runtime` and `handlers` are required; all other keys have defaults: linkage
    ///   `shared`, no services, concurrency 0, blocking.
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
        abiMinor = abi.map { UInt32(reader.integer("minor", of: $0, at: "/abi", in: range, or: nil)) } ?? 0
        name = reader.name("name", of: root, at: "")
        version = Self.version(root, &reader)
        description = reader.string(
            "description", of: root, at: "", or: "", max: ManifestText.descriptionCharactersMax)
        runtime = Runtime(
            rawValue: reader.word("runtime", of: root, at: "", or: nil, extra: "0123456789+-", max: 63))
        runtimeVersion = reader.string("runtimeVersion", of: root, at: "", or: "")
        linkage = Self.linkage(root, &reader)
        requires = reader.strings("requires", of: root, at: "", rule: ManifestText.serviceProblem)
        if Set(requires).count != requires.count { reader.problem("/requires", "names a service twice") }
        let capabilities = reader.map("capabilities", of: root, at: "")
        network = capabilities.map { reader.strings("network", of: $0, at: "/capabilities") } ?? []
        files = capabilities.map { reader.strings("files", of: $0, at: "/capabilities") } ?? []
        handlers = Self.handlers(root, &reader)
        source = value
        guard reader.problems.isEmpty else { throw ManifestError(problems: reader.problems) }
    }

    private static func version(_ root: Value.Map, _ reader: inout ManifestReader) -> String {
        let version = reader.string("version", of: root, at: "", or: nil, max: 128)
        if case .string(version)? = root["version"], SemanticVersion(version) == nil {
            reader.problem("/version", "must be a semantic version such as 2.1.0")
        }
        return version
    }

    private static func linkage(_ root: Value.Map, _ reader: inout ManifestReader) -> Linkage {
        let text = reader.string("linkage", of: root, at: "", or: Linkage.shared.rawValue)
        if let linkage = Linkage(rawValue: text) { return linkage }
        if case .string(text)? = root["linkage"] { reader.problem("/linkage", "must be 'shared' or 'static'") }
        return .shared
    }

    private static func handlers(_ root: Value.Map, _ reader: inout ManifestReader) -> [Handler] {
        guard case .list(let items)? = root["handlers"], items.count <= handlersMax else {
            reader.problem("/handlers", "a list of at most \(handlersMax) handlers is required")
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
            if !handler.id.isEmpty, handlers.contains(where: { $0.id == handler.id }) {
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
        case nil: break
        case .map?, .bool?:
            do {
                _ = try JSONSchema(compiling: schema ?? .bool(true))
            } catch {
                reader.problem("\(base)/config", "must be a JSON Schema: \(error)")
            }
        default: reader.problem("\(base)/config", "must be a JSON Schema: an object or a boolean")
        }
        return Handler(
            id: reader.name("id", of: map, at: base),
            description: reader.string(
                "description", of: map, at: base, or: "", max: ManifestText.descriptionCharactersMax),
            accepts: reader.strings("accepts", of: map, at: base, rule: ManifestText.patternProblem),
            emits: reader.strings("emits", of: map, at: base, rule: ManifestText.patternProblem),
            concurrency: Int(reader.integer("concurrency", of: map, at: base, in: 0...Int64(Int32.max), or: 0)),
            blocking: reader.bool("blocking", of: map, at: base, or: true),
            batchMax: batch.map {
                Int(reader.integer("max", of: $0, at: "\(base)/batch", in: 1...Int64(Int32.max), or: nil))
            },
            configSchema: schema)
    }
}
