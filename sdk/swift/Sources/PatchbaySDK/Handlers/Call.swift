public import CPatchbay

/// One attempt to handle one event: how a handler reaches the host while it works.
///
/// Usable from any thread. Once the call is completed its functions throw `stale` or do nothing.
@frozen
public struct Call: Sendable {
    @usableFromInline let id: patchbay_call
    @usableFromInline let services: ServicesReference

    @inlinable
    init(id: patchbay_call, services: ServicesReference) {
        self.id = id
        self.services = services
    }

    /// Why the host wants this call to end soon; nil: it does not.
    public var cancellation: CancelReason? {
        let host = services.pointee.host
        let why = host.pointee.cancelled(host, id)
        return why == 0 ? nil : CancelReason(rawValue: why) ?? .shutdown
    }

    /// Whether the host wants this call to end soon. Long synchronous work asks between its steps; asynchronous
    /// handlers see their task cancelled.
    public var isCancelled: Bool { cancellation != nil }
}

/// Why a call is cancelled.
public enum CancelReason: Int32, Sendable {
    /// Its deadline passed.
    case timeout = 1
    /// Its route or this instance is being drained.
    case drain = 2
    /// The process is stopping.
    case shutdown = 3
}

/// Points at an instance's services.
///
/// Invariant behind the unchecked conformance: the memory is written before the instance handles its first call, not
/// changed afterwards, and freed by its owner, which outlives the instance's calls.
@frozen
public struct ServicesReference: @unchecked Sendable {
    @usableFromInline let pointer: UnsafePointer<HostServices>

    @usableFromInline
    init(_ pointer: UnsafePointer<HostServices>) {
        self.pointer = pointer
    }

    @usableFromInline var pointee: HostServices {
        unsafeAddress { pointer }
    }
}

/// Keeps an instance's services for all who may ask for them: the instance, and what its handler keeps of the host, so
/// that a handler may use its host until it is released itself.
@usableFromInline
final class ServicesOwner: Sendable {
    let reference: ServicesReference

    init(_ services: HostServices) {
        let memory = UnsafeMutablePointer<HostServices>.allocate(capacity: 1)
        memory.initialize(to: services)
        reference = ServicesReference(memory)
    }

    deinit { reference.pointer.deallocate() }
}

/// The host as an instance sees it: for `init`, and to keep.
public struct Host: Sendable {
    let owner: ServicesOwner
    var services: ServicesReference { owner.reference }

    /// Of the host program, for messages.
    public var name: String { String(services.pointee.host.pointee.name) }
    /// The host program's version, for messages.
    public var version: String { String(services.pointee.host.pointee.version) }

    /// The table of any service, such as a vendor's; nil when this host lacks it.
    public func service<T>(_ id: String, as table: T.Type) -> UnsafePointer<T>? {
        let host = services.pointee.host
        return id.withText { host.pointee.service(host, $0) }?.assumingMemoryBound(to: T.self)
    }
}
