import CPatchbay
import PatchbayEvents

/// What an entry function handed out, checked: every structure is as long as major 1 has had it from the start.
///
/// Invariant: the pointers are the module's own and static; modules are never unloaded.
struct ModuleTable: @unchecked Sendable {
    let module: UnsafePointer<patchbay_module>
    /// By id.
    let handlers: [String: UnsafePointer<patchbay_handler>]

    init(_ module: UnsafePointer<patchbay_module>?, manifest: Manifest, file: String) throws(ModuleError) {
        guard let module else {
            throw ModuleError(
                .entryFailed, file: file, "its entry returned PATCHBAY_OK without a module",
                remedy: "set *out before returning")
        }
        try Self.checkSize(
            module.pointee.size, atLeast: Self.end(of: \patchbay_module.component), "patchbay_module", file)
        self.module = module
        handlers = try Self.handlers(module, manifest, file)
    }

    private static func handlers(
        _ module: UnsafePointer<patchbay_module>, _ manifest: Manifest, _ file: String
    ) throws(ModuleError) -> [String: UnsafePointer<patchbay_handler>] {
        let count = module.pointee.handler_count
        // Before the array is read: a count that the manifest denies is no count to walk.
        guard count == UInt64(manifest.handlers.count) else {
            throw lie(file, "its code offers \(count) handlers, its manifest \(manifest.handlers.count)")
        }
        var found: [String: UnsafePointer<patchbay_handler>] = [:]
        guard count > 0 else { return found }
        guard let array = module.pointee.handlers else {
            throw missing(file, "its list of handlers is NULL")
        }
        for index in 0..<Int(count) {
            guard let handler = array[index] else { throw missing(file, "handler \(index) is NULL") }
            try checkSize(
                handler.pointee.size, atLeast: end(of: \patchbay_handler.destroy), "patchbay_handler \(index)", file)
            let id = String(decoding: handler.pointee.id.bytes.prefix(256), as: UTF8.self)
            guard let declared = manifest.handler(id), found[id] == nil else {
                throw lie(file, "its code offers the handler '\(id)', its manifest does not, or only once")
            }
            let absent: [(String, Bool)] = [
                ("create", handler.pointee.create == nil), ("handle", handler.pointee.handle == nil),
                ("destroy", handler.pointee.destroy == nil),
            ]
            if let name = absent.first(where: { $0.1 })?.0 {
                throw missing(file, "the handler '\(id)' has no \(name) function")
            }
            if declared.batchMax != nil, handler.pointee.handle_batch == nil {
                throw lie(file, "its manifest offers batches for '\(id)', but there is no handle_batch")
            }
            found[id] = handler
        }
        return found
    }

    private static func checkSize(
        _ size: UInt32, atLeast least: Int, _ name: String, _ file: String
    ) throws(ModuleError) {
        guard Int(size) < least else { return }
        throw ModuleError(
            .shortStruct, file: file, "its \(name) has \(size) bytes, major 1 needs \(least)",
            remedy: "set `size` to sizeof the structure of the published header")
    }

    /// The size of the structure when `field` was its last.
    private static func end<Root, Field>(of field: KeyPath<Root, Field>) -> Int {
        (MemoryLayout<Root>.offset(of: field) ?? 0) + MemoryLayout<Field>.size
    }

    private static func missing(_ file: String, _ message: String) -> ModuleError {
        ModuleError(.missingFunction, file: file, message, remedy: "fill in what is not marked optional in patchbay.h")
    }

    private static func lie(_ file: String, _ message: String) -> ModuleError {
        ModuleError(
            .lyingManifest, file: file, message, remedy: "make the manifest and patchbay_module agree on the handlers")
    }
}
