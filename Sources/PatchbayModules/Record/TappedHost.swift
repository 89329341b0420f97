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
        // Once it is complete the call may be over, and its slot another's.
        let kind = result.map { $0.pointee.size >= 8 ? OutcomeKind(abi: $0.pointee.outcome) : .retry } ?? .done
        let details = result.flatMap { $0.pointee.size >= 8 ? ResultDetails($0) : nil }
        let status = usual(host).pointee.complete(usual(host), call, result)
        if status == .ok { _ = HostBlock.with(host) { $0.tap?.ended(call, kind, details, by: "handler") } }
        return status
    }

    /// [any]
    private static func cancelled(_ host: UnsafePointer<patchbay_host>?, _ call: patchbay_call) -> Int32 {
        guard let host else { return Int32(PATCHBAY_CANCEL_SHUTDOWN) }
        func real() -> Int32 { usual(host).pointee.cancelled(usual(host), call) }
        return CallTap.tape(host, call)?.tape.cancelled(real) ?? real()
    }
}
