package import CPatchbay
import CPatchbaySystem

/// What `set_error` left on this thread for the next negative status.
package enum HandlerMessage {
    /// Keeps at most 511 bytes. [any thread, for itself]
    package static func set(_ text: patchbay_str) { pbs_error_set(text.ptr, text.len) }

    /// The message, and none from now on.
    package static func take() -> String {
        String(
            unsafeUninitializedCapacity: 512,
            initializingUTF8With: { buffer in
                buffer.withMemoryRebound(to: CChar.self) { Int(pbs_error_take($0.baseAddress, UInt64($0.count))) }
            })
    }
}
