package import CPatchbay

/// A handler instance as dispatch sees it: the functions of the C ABI and the instance they are called with.
///
/// Modules produce it from what they load, built-ins and tests from a closure; there is one shape of call for all.
package struct Handler: Sendable {
    package typealias Handle =
        @convention(c) (OpaquePointer?, patchbay_call, UnsafePointer<patchbay_event>?) -> patchbay_status
    package typealias HandleBatch =
        @convention(c) (
            OpaquePointer?, UInt64, UnsafePointer<patchbay_call>?, UnsafePointer<UnsafePointer<patchbay_event>?>?
        ) -> patchbay_status
    package typealias Cancel = @convention(c) (OpaquePointer?, patchbay_call, Int32) -> Void

    /// As routes name it: `instance.handler`.
    package let name: String
    /// Of the module; empty for built-ins.
    package let version: String
    /// Whose code it is, for the handler of fatal signals.
    package let code: CodeOwner
    /// Tells code from other code: the hash of the module's name, its version and the handler's id in the module. The
    /// same in every process, and for all instances of the module.
    package let definition: UInt64
    /// Calls at once that the module allows; 0 is unlimited.
    package let concurrency: Int
    /// `false` promises to return promptly: such handlers share a small pool.
    package let blocking: Bool
    /// Most events of one `handle_batch`; 0 when the handler has none.
    package let batchMax: Int
    // Invariant of the pointers: the instance is the module's to synchronise, and `owner` keeps it alive.
    package nonisolated(unsafe) let instance: OpaquePointer?
    package let handle: Handle
    package let handleBatch: HandleBatch?
    package let cancel: Cancel?
    private let owner: any AnyObject & Sendable

    package init(
        name: String, module: String = "", version: String, definition: UInt64, concurrency: Int, blocking: Bool,
        batchMax: Int,
        instance: OpaquePointer?, handle: @escaping Handle, handleBatch: HandleBatch?, cancel: Cancel?,
        owner: any AnyObject & Sendable
    ) {
        self.name = name
        self.version = version
        code = CodeOwner(module: module, version: version, handler: name)
        self.definition = definition
        self.concurrency = concurrency
        self.blocking = blocking
        self.batchMax = handleBatch == nil ? 0 : batchMax
        self.instance = instance
        self.handle = handle
        self.handleBatch = handleBatch
        self.cancel = cancel
        self.owner = owner
    }

    /// The same handler with other functions between it and its callers.
    ///
    /// - Parameter owner: keeps `instance`, and the handler itself.
    package init(
        tapping handler: Handler, instance: OpaquePointer?, handle: @escaping Handle, handleBatch: HandleBatch?,
        cancel: Cancel?, owner: any AnyObject & Sendable
    ) {
        name = handler.name
        version = handler.version
        code = handler.code
        definition = handler.definition
        concurrency = handler.concurrency
        blocking = handler.blocking
        batchMax = handler.batchMax
        self.instance = instance
        self.handle = handle
        self.handleBatch = handleBatch
        self.cancel = cancel
        self.owner = owner
    }

    /// The first 8 bytes of the SHA-256 of the three texts with a zero byte between each.
    package static func definition(module: String, version: String, handler: String) -> UInt64 {
        StableHash.number(Array("\(module)\u{0}\(version)\u{0}\(handler)".utf8))
    }

    /// A handler from a closure, for built-ins and tests. The closure completes the call through the call table, or
    /// returns `PATCHBAY_OK` for done. [worker threads, several at once]
    package init(
        name: String, module: String = "", concurrency: Int = 0, blocking: Bool = false,
        _ body: @escaping @Sendable (patchbay_call, UnsafePointer<patchbay_event>) -> patchbay_status
    ) {
        let box = HandlerClosure(body)
        self.init(
            name: name, module: module, version: "",
            definition: Self.definition(module: "", version: "", handler: name),
            concurrency: concurrency, blocking: blocking, batchMax: 0,
            instance: OpaquePointer(Unmanaged.passUnretained(box).toOpaque()),
            handle: { instance, call, event in
                guard let instance, let event else { return .badArgument }
                return Unmanaged<HandlerClosure>.fromOpaque(UnsafeRawPointer(instance))
                    ._withUnsafeGuaranteedRef { $0.body(call, event) }
            },
            handleBatch: nil, cancel: nil, owner: box)
    }
}

private final class HandlerClosure: Sendable {
    let body: @Sendable (patchbay_call, UnsafePointer<patchbay_event>) -> patchbay_status
    init(_ body: @escaping @Sendable (patchbay_call, UnsafePointer<patchbay_event>) -> patchbay_status) {
        self.body = body
    }
}
