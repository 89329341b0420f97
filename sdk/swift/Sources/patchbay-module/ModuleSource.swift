/// What is wrong with a manifest.
struct ManifestError: Error {
    let message: String
    init(_ message: String) { self.message = message }
}

/// The Swift source of a module's note, registration and entry.
struct ModuleSource {
    let text: String

    init(manifest: JSON, compiler: String) throws(ManifestError) {
        guard case .object(var members) = manifest else { throw ManifestError("expected a JSON object") }
        try ModuleSource.checkName(members["name"], "name")
        guard ModuleSource.isVersion(members["version"]?.string ?? "") else {
            throw ManifestError("'version' should be a string such as \"1.0.0\"")
        }
        guard case .array(var handlers) = members["handlers"], !handlers.isEmpty else {
            throw ManifestError("'handlers' should be an array of objects, at least one")
        }
        let sharedConfig = members.removeValue(forKey: "config")
        var registrations: [String] = []
        var ids: Set<String> = []
        for index in handlers.indices {
            guard case .object(var handler) = handlers[index] else {
                throw ManifestError("handlers[\(index)] should be an object")
            }
            let id = try ModuleSource.checkName(handler["id"], "handlers[\(index)].id")
            guard ids.insert(id).inserted else { throw ManifestError("two handlers have the id '\(id)'") }
            let type = handler.removeValue(forKey: "type").map { $0.string ?? "" } ?? ModuleSource.typeName(of: id)
            guard !type.isEmpty, type.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }) else {
                throw ManifestError("handlers[\(index)].type should be the name of a Swift type")
            }
            let batch = handler["batch"] == nil ? "" : ", batch: true"
            registrations.append(
                "    Registration(\"\(id)\"\(batch), create: { \(type).patchbayCreate($0, $1, $2) }),")
            if handler["config"] == nil { handler["config"] = sharedConfig }
            handlers[index] = .object(handler)
        }
        members["handlers"] = .array(handlers)
        var arguments = ""
        for (key, call) in [("shutdown", "{ NAME() }"), ("component", "{ patchbayComponent($0, NAME) }")] {
            guard let function = members.removeValue(forKey: key) else { continue }
            let name = function.string ?? ""
            guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" || $0 == "." }) else {
                throw ManifestError("'\(key)' should be the name of a Swift function")
            }
            let parts = call.split(separator: "NAME", omittingEmptySubsequences: false)
            arguments += ", \(key): \(parts.joined(separator: name))"
        }
        members["abi"] = ["major": 1, "minor": 0]
        members["runtime"] = "swift"
        members["runtimeVersion"] = .string(compiler)
        if members["linkage"] == nil { members["linkage"] = "shared" }
        let note = Array(JSON.object(members).description.utf8)
        text = ModuleSource.render(
            note: note, registrations: registrations, arguments: arguments, compiler: compiler)
    }

    @discardableResult
    private static func checkName(_ value: JSON?, _ key: String) throws(ManifestError) -> String {
        let name = value?.string ?? ""
        let isFine = name.utf8.enumerated().allSatisfy { index, byte in
            let isLetter = byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
            let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            return isLetter || index > 0 && (isDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_"))
        }
        guard isFine, !name.isEmpty, name.utf8.count <= 63 else {
            throw ManifestError("'\(key)' should be 1 to 63 of a-z, 0-9, '-' and '_', a letter first")
        }
        return name
    }

    private static func isVersion(_ text: String) -> Bool {
        let core = text.prefix { $0 != "-" && $0 != "+" }
        let parts = core.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 3 && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy { ("0"..."9").contains($0) } }
    }

    /// `charge-card` becomes `ChargeCard`.
    private static func typeName(of id: String) -> String {
        id.split(whereSeparator: { $0 == "-" || $0 == "_" }).map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
    }

    private static func render(
        note: [UInt8], registrations: [String], arguments: String, compiler: String
    ) -> String {
        let used = note.count + 1
        let bytes = note + [UInt8](repeating: 0, count: (used + 3) / 4 * 4 - note.count)
        let parts = compiler.split(separator: ".").compactMap { Int($0) }
        let next = parts.count == 2 ? "\(parts[0]).\(parts[1] + 1)" : compiler
        // The compiler takes constant arrays of 4096 elements at most, so that a long text is several of them.
        let pieces = stride(from: 0, to: bytes.count, by: 2400).map { bytes[$0..<min($0 + 2400, bytes.count)] }
        let types = pieces.map { "InlineArray<\($0.count), UInt8>" }.joined(separator: ", ")
        let texts = pieces.map { piece in
            let rows = stride(from: piece.startIndex, to: piece.endIndex, by: 24).map { start in
                "        " + piece[start..<min(start + 24, piece.endIndex)].map { "\($0)" }.joined(separator: ", ")
            }
            return "    [\n\(rows.joined(separator: ",\n"))\n    ]"
        }
        return """
            // Made from manifest.json by the PatchbayModule plugin.
            public import PatchbaySDK

            #if !compiler(>=\(compiler)) || compiler(>=\(next))
            #error("the manifest says Swift \(compiler), and another compiler is at work: clean and build again")
            #endif

            /// The manifest as an ELF note of owner "PBY", type 1: lengths, type, owner, text and final zeros.
            @used @section(".note.patchbay")
            private let patchbayNote: (UInt32, UInt32, UInt32, UInt32, \(types)) = (
                4, \(used), 1, 0x0059_4250,
            \(texts.joined(separator: ",\n"))
            )

            private let patchbayModule = Module([
            \(registrations.joined(separator: "\n"))
            ]\(arguments))

            /// The module's only exported symbol.
            @c(patchbay_module_v1)
            public func patchbayModuleV1(_ host: HostPointer?, _ out: ModuleOutPointer?) -> Int32 {
                patchbayModule.enter(host, out)
            }

            """
    }
}
