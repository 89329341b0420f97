public import CPatchbay

extension Handler {
    /// The ABI's `create` for this type; for `Registration`.
    @inlinable
    public static func patchbayCreate(
        _ host: UnsafePointer<patchbay_host>?, _ configuration: patchbay_str,
        _ out: UnsafeMutablePointer<OpaquePointer?>?
    ) -> Int32 {
        create(host, configuration, out) { (handler: Self, owner) in
            instance(owner, body: { try handler.handle(EventView($0), $1) }, batchBody: nil)
        }
    }
}

extension BatchHandler {
    /// The ABI's `create` for this type; for `Registration` with `batch: true`.
    @inlinable
    public static func patchbayCreate(
        _ host: UnsafePointer<patchbay_host>?, _ configuration: patchbay_str,
        _ out: UnsafeMutablePointer<OpaquePointer?>?
    ) -> Int32 {
        create(host, configuration, out) { (handler: Self, owner) in
            instance(
                owner, body: { try handler.handle(EventView($0), $1) }, batchBody: { try handler.handle($0) })
        }
    }
}

extension AsyncHandler {
    /// The ABI's `create` for this type; for `Registration`.
    @inlinable
    public static func patchbayCreate(
        _ host: UnsafePointer<patchbay_host>?, _ configuration: patchbay_str,
        _ out: UnsafeMutablePointer<OpaquePointer?>?
    ) -> Int32 {
        create(host, configuration, out) { (handler: Self, owner) in
            instance(owner) { try await handler.handle(EventView($0), $1) }
        }
    }
}

@usableFromInline
func instance(
    _ owner: ServicesOwner, body: @escaping (UnsafePointer<patchbay_event>, Call) throws -> Outcome,
    batchBody: ((borrowing Batch) throws -> Void)?
) -> Instance {
    SynchronousInstance(owner: owner, body: body, batchBody: batchBody)
}

@usableFromInline
func instance(
    _ owner: ServicesOwner,
    body: @escaping @Sendable (UnsafePointer<patchbay_event>, Call) async throws -> Outcome
) -> Instance {
    AsynchronousInstance(owner: owner, body: body)
}

/// Decodes the configuration, makes the handler and hands out its instance; tells the host why when one of them fails.
@usableFromInline
func create<H: Configurable>(
    _ host: UnsafePointer<patchbay_host>?, _ configuration: patchbay_str, _ out: UnsafeMutablePointer<OpaquePointer?>?,
    _ make: (H, ServicesOwner) -> Instance
) -> Int32 {
    guard let host, let out else { return Int32(PATCHBAY_E_ARG) }
    let owner = ServicesOwner(HostServices(host: host))
    do {
        let text = configuration.len == 0 ? "{}" : String(configuration)
        let configuration = try JSON(parsing: text).decode(H.Configuration.self)
        let handler = try H(configuration: configuration, host: Host(owner: owner))
        let instance = make(handler, owner)
        instance.reconfigurable = handler as? any Reconfigurable
        instance.drainable = handler as? any Drainable
        out.pointee = OpaquePointer(Unmanaged.passRetained(instance).toOpaque())
        return Int32(PATCHBAY_OK)
    } catch {
        String(describing: error).withText { host.pointee.set_error(host, $0) }
        return Int32(PATCHBAY_E_ARG)
    }
}
