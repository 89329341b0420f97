package import CPatchbay

/// A route's, handler's or module's name where workers, views and C can point at it.
package struct StaticName: Sendable {
    // Invariant: written by `init` only.
    package nonisolated(unsafe) let pointer: UnsafePointer<CChar>
    package let count: Int

    /// Never freed: there are as many as routes and handlers, and views may point at them until the process ends.
    package init(_ text: String) {
        let bytes = Array(text.utf8)
        let memory = UnsafeMutablePointer<CChar>.allocate(capacity: max(1, bytes.count))
        for (index, byte) in bytes.enumerated() { memory[index] = CChar(bitPattern: byte) }
        pointer = UnsafePointer(memory)
        count = bytes.count
    }

    @inlinable package var text: patchbay_str { patchbay_str(ptr: pointer, len: UInt64(count)) }
}
