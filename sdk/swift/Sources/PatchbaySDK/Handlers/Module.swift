public import CPatchbay

/// What a module registers: made once by the code that the `PatchbayModule` plugin writes from `manifest.json`.
///
/// Modules that write their entry by hand make one global `Module` and call `enter` from `@c(patchbay_module_v1)`.
public struct Module: @unchecked Sendable {
    // Invariant behind the unchecked conformance: the table and all that it points to are written here, never changed
    // and never freed, as the ABI asks of a module.
    private let table: UnsafePointer<patchbay_module>

    /// Registers handlers under the ids of the manifest. `shutdown` is the last call into the module; `component` finds the
    /// table of a component that is not a handler.
    public init(
        _ handlers: [Registration], shutdown: (@convention(c) () -> Void)? = nil,
        component: (@convention(c) (patchbay_str) -> UnsafeRawPointer?)? = nil
    ) {
        let list = UnsafeMutablePointer<UnsafePointer<patchbay_handler>?>.allocate(capacity: max(1, handlers.count))
        for (index, handler) in handlers.enumerated() { (list + index).initialize(to: handler.table) }
        let table = UnsafeMutablePointer<patchbay_module>.allocate(capacity: 1)
        table.initialize(
            to: patchbay_module(
                size: UInt32(MemoryLayout<patchbay_module>.size), abi_minor: UInt32(PATCHBAY_ABI_MINOR),
                unload: UInt32(PATCHBAY_UNLOAD_NEVER), reserved: 0, handlers: UnsafePointer(list),
                handler_count: UInt64(handlers.count), shutdown: shutdown, component: component))
        self.table = UnsafePointer(table)
    }

    /// What `patchbay_module_v1` does.
    public func enter(_ host: HostPointer?, _ out: ModuleOutPointer?) -> Int32 {
        guard let out else { return Int32(PATCHBAY_E_ARG) }
        out.pointee = table
        return Int32(PATCHBAY_OK)
    }
}

/// The arguments of `patchbay_module_v1`.
public typealias HostPointer = UnsafePointer<patchbay_host>
/// Where `patchbay_module_v1` leaves the module's table.
public typealias ModuleOutPointer = UnsafeMutablePointer<UnsafePointer<patchbay_module>?>

/// A handler's type under its id.
public struct Registration: @unchecked Sendable {
    // Invariant behind the unchecked conformance: written here, never changed and never freed.
    package let table: UnsafePointer<patchbay_handler>

    /// `create` is a closure that captures nothing and calls the handler type's `patchbayCreate`.
    ///
    /// Rationale: the ABI's create function has no argument that tells handlers apart, so that each type needs a C
    /// function of its own, and Swift makes one only where the type is concrete.
    public init(
        _ id: StaticString, batch: Bool = false,
        create:
            @escaping @convention(c) (
                UnsafePointer<patchbay_host>?, patchbay_str, UnsafeMutablePointer<OpaquePointer?>?
            ) -> Int32
    ) {
        let table = UnsafeMutablePointer<patchbay_handler>.allocate(capacity: 1)
        table.initialize(
            to: patchbay_handler(
                size: UInt32(MemoryLayout<patchbay_handler>.size), flags: 0, id: id.text, create: create,
                handle: handleEvent, handle_batch: batch ? handleBatch : nil, cancel: cancelCall,
                reconfigure: reconfigureInstance, drain: drainInstance, destroy: destroyInstance))
        self.table = UnsafePointer(table)
    }
}

private func handleEvent(
    _ instance: OpaquePointer?, _ call: patchbay_call, _ event: UnsafePointer<patchbay_event>?
) -> patchbay_status {
    guard let instance, let event else { return patchbay_status(PATCHBAY_E_ARG) }
    return Unmanaged<Instance>.fromOpaque(UnsafeRawPointer(instance))._withUnsafeGuaranteedRef {
        $0.handle(call, event)
    }
}

private func handleBatch(
    _ instance: OpaquePointer?, _ count: UInt64, _ calls: UnsafePointer<patchbay_call>?,
    _ events: UnsafePointer<UnsafePointer<patchbay_event>?>?
) -> patchbay_status {
    guard let instance, let calls, let events, count > 0 else { return patchbay_status(PATCHBAY_E_ARG) }
    return Unmanaged<Instance>.fromOpaque(UnsafeRawPointer(instance))._withUnsafeGuaranteedRef {
        $0.handle(batch: Batch(calls: calls, events: events, services: $0.services, count: Int(count)))
    }
}

private func cancelCall(_ instance: OpaquePointer?, _ call: patchbay_call, _ why: Int32) {
    guard let instance else { return }
    Unmanaged<Instance>.fromOpaque(UnsafeRawPointer(instance))._withUnsafeGuaranteedRef { $0.cancel(call) }
}

private func reconfigureInstance(_ instance: OpaquePointer?, _ configuration: patchbay_str) -> patchbay_status {
    guard let instance else { return patchbay_status(PATCHBAY_E_ARG) }
    return Unmanaged<Instance>.fromOpaque(UnsafeRawPointer(instance))._withUnsafeGuaranteedRef {
        $0.reconfigure(configuration.len == 0 ? "{}" : String(configuration))
    }
}

private func drainInstance(_ instance: OpaquePointer?, _ deadline: UInt64) -> patchbay_status {
    guard let instance else { return patchbay_status(PATCHBAY_E_ARG) }
    return Unmanaged<Instance>.fromOpaque(UnsafeRawPointer(instance))._withUnsafeGuaranteedRef { $0.drain(deadline) }
}

private func destroyInstance(_ instance: OpaquePointer?) {
    guard let instance else { return }
    Unmanaged<Instance>.fromOpaque(UnsafeRawPointer(instance)).release()
}
