import CPatchbay
import PatchbayEvents

/// The memory behind the host pointer of a handler whose calls are watched: what a host pointer stands for, with other
/// functions, and the usual pointer behind them. Never freed, as that one.
struct TappedHost {
    private var block: HostBlock
    private let usual: UnsafePointer<patchbay_host>

    /// A host pointer for `context`, which lives for ever with it.
    static func make(for context: HostContext) -> UnsafePointer<patchbay_host> {
        precondition(MemoryLayout<TappedHost>.offset(of: \.block) == 0, "a host pointer points at its block")
        let usual = HostBlock.make(for: context)
        let tapped = UnsafeMutablePointer<TappedHost>.allocate(capacity: 1)
        tapped.initialize(
            to: TappedHost(
                block: UnsafeRawPointer(usual).assumingMemoryBound(to: HostBlock.self).pointee, usual: usual))
        tapped.pointee.block.table.service = { host, id in TappedHost.service(host, id) }
        tapped.pointee.block.table.complete = { host, call, result in TappedHost.complete(host, call, result) }
        tapped.pointee.block.table.cancelled = { host, call in TappedHost.cancelled(host, call) }
        return UnsafeRawPointer(tapped).assumingMemoryBound(to: patchbay_host.self)
    }

    private static func usual(_ host: UnsafePointer<patchbay_host>) -> UnsafePointer<patchbay_host> {
        UnsafeRawPointer(host).assumingMemoryBound(to: TappedHost.self).pointee.usual
    }

    /// What the usual host offers, with a tap where there is one. [any]
    private static func service(_ host: UnsafePointer<patchbay_host>?, _ id: patchbay_str) -> UnsafeRawPointer? {
        guard let host, let table = usual(host).pointee.service(usual(host), id) else { return nil }
        return TappedServices.table(for: id) ?? table
    }

    /// What is refused is not the call's end. [any]
    private static func complete(
        _ host: UnsafePointer<patchbay_host>?, _ call: patchbay_call, _ result: UnsafePointer<patchbay_result>?
    ) -> patchbay_status {
        guard let host else { return .badArgument }
        func real() -> patchbay_status { usual(host).pointee.complete(usual(host), call, result) }
        let status = HostBlock.with(host) { $0.tap?.completing(call, by: "handler", outcome(result), real) }
        return (status ?? nil) ?? real()
    }

    /// What a result says, as the host reads it.
    private static func outcome(_ result: UnsafePointer<patchbay_result>?) -> (OutcomeKind, ResultDetails?) {
        guard let result else { return (.done, nil) }
        guard result.pointee.size >= 8 else { return (.retry, nil) }
        let kind = OutcomeKind(abi: result.pointee.outcome)
        return kind == .done && isPlain(result.pointee) ? (.done, nil) : (kind, ResultDetails(result))
    }

    /// Of a whole result that says nothing beside its outcome the host looks at nothing else.
    private static func isPlain(_ result: patchbay_result) -> Bool {
        let lengths = result.reason.len | result.detail_json.len | result.reply.len
        return result.size >= UInt32(MemoryLayout<patchbay_result>.size) && result.flags == 0 && result.code == 0
            && result.retry_after_ns | lengths == 0
    }

    /// [any]
    private static func cancelled(_ host: UnsafePointer<patchbay_host>?, _ call: patchbay_call) -> Int32 {
        guard let host else { return Int32(PATCHBAY_CANCEL_SHUTDOWN) }
        func real() -> Int32 { usual(host).pointee.cancelled(usual(host), call) }
        return CallTap.tape(host, call)?.tape.cancelled(real) ?? real()
    }
}
