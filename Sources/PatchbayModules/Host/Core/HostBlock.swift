import CPatchbay
import PatchbayEvents

/// The memory behind a host pointer: the C table first, then what its functions need to know.
///
/// Never freed: a module's own threads may still call after `destroy`, and modules are never unloaded.
struct HostBlock {
    private typealias Complete =
        @convention(c) (UnsafePointer<patchbay_host>?, patchbay_call, UnsafePointer<patchbay_result>?) ->
        patchbay_status

    var table: patchbay_host
    let calls: Unmanaged<CallTable>
    let context: Unmanaged<HostContext>

    /// A host pointer for `context`, which lives for ever with it.
    static func make(for context: HostContext) -> UnsafePointer<patchbay_host> {
        precondition(MemoryLayout<HostBlock>.offset(of: \.table) == 0, "a host pointer points at its table")
        let environment = context.environment
        // A module may read, or copy, all that a later host's table says it has.
        let bytes = MemoryLayout<HostBlock>.stride + Int(environment.extraTableBytes)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: MemoryLayout<HostBlock>.alignment)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        let block = memory.bindMemory(to: HostBlock.self, capacity: 1)
        block.initialize(
            to: HostBlock(
                table: patchbay_host(
                    size: UInt32(MemoryLayout<patchbay_host>.size) + environment.extraTableBytes,
                    abi_minor: UInt32(PATCHBAY_ABI_MINOR),
                    name: lastingText(environment.name), version: lastingText(environment.version),
                    service: { host, id in
                        HostBlock.with(host) { HostServices.table(for: id, among: $0.environment.offered) } ?? nil
                    },
                    complete: context.completion == nil ? throughTable : throughContext,
                    cancelled: { host, call in HostBlock.cancelled(host, call) },
                    set_error: { _, message in HandlerMessage.set(message) }),
                calls: .passRetained(environment.calls), context: .passRetained(context)))
        return UnsafeRawPointer(block).assumingMemoryBound(to: patchbay_host.self)
    }

    private static let throughTable: Complete = { HostBlock.complete($0, $1, $2) }
    private static let throughContext: Complete = { host, call, result in
        HostBlock.with(host) { $0.completion?(call, result) ?? .badState } ?? .badArgument
    }

    /// Runs `body` with the context of a host pointer; `nil` for a null pointer. [any]
    @inline(__always)
    static func with<R>(_ host: UnsafePointer<patchbay_host>?, _ body: (HostContext) -> R) -> R? {
        guard let host else { return nil }
        let block = UnsafeRawPointer(host).assumingMemoryBound(to: HostBlock.self)
        return block.pointee.context._withUnsafeGuaranteedRef { body($0) }
    }

    /// [any] Neither locks nor allocates for a plain result.
    private static func complete(
        _ host: UnsafePointer<patchbay_host>?, _ call: patchbay_call, _ result: UnsafePointer<patchbay_result>?
    ) -> patchbay_status {
        guard let host else { return .badArgument }
        let block = UnsafeRawPointer(host).assumingMemoryBound(to: HostBlock.self)
        let status = block.pointee.calls._withUnsafeGuaranteedRef { $0.complete(call, result) }
        if status < 0, status == .stale { block.pointee.context._withUnsafeGuaranteedRef { $0.countStale(call) } }
        return status
    }

    /// [any][noblock]
    private static func cancelled(_ host: UnsafePointer<patchbay_host>?, _ call: patchbay_call) -> Int32 {
        guard let host else { return Int32(PATCHBAY_CANCEL_SHUTDOWN) }
        let block = UnsafeRawPointer(host).assumingMemoryBound(to: HostBlock.self)
        return block.pointee.calls._withUnsafeGuaranteedRef { $0.cancelReason(call) }
    }

    private static func lastingText(_ text: String) -> patchbay_str {
        let bytes = Array(text.utf8)
        let memory = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
        for (index, byte) in bytes.enumerated() { memory[index] = CChar(bitPattern: byte) }
        memory[bytes.count] = 0
        return patchbay_str(ptr: UnsafePointer(memory), len: UInt64(bytes.count))
    }
}
