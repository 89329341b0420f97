public import CPatchbay

/// A handler that takes another configuration while calls are open. Without it the host makes a second instance and drains
/// this one.
public protocol Reconfigurable: Configurable {
    /// Takes the configuration, as `init` would; what it changes needs a lock. An error refuses it, and then the host makes
    /// a second instance.
    func reconfigure(_ configuration: Configuration) throws
}

/// A handler with threads, tasks or connections of its own, to be ended before it is released.
public protocol Drainable: Configurable {
    /// No new call will come: ends what is its own before `deadlineNanoseconds` of the system's monotonic clock; nil: no
    /// limit. Once an instance, and its calls may still be open.
    func drain(deadlineNanoseconds: UInt64?) throws
}

extension Reconfigurable {
    func takeConfiguration(_ text: String) throws {
        try reconfigure(JSON(parsing: text).decode(Configuration.self))
    }
}

/// A module's component that is not a handler, for the code that the `PatchbayModule` plugin writes.
public func patchbayComponent(
    _ kind: patchbay_str, _ find: (String) -> UnsafeRawPointer?
) -> UnsafeRawPointer? {
    find(String(kind))
}
