import CPatchbaySystem

/// A fixed address range of trivial elements that takes memory only where it is touched and never moves.
///
/// Elements start zeroed. Not `Sendable`: the owner decides which thread touches which element.
package struct ReservedArray<Element: BitwiseCopyable>: ~Copyable {
    package let base: UnsafeMutablePointer<Element>
    package let capacity: Int
    private let raw: UnsafeMutableRawPointer

    /// Reserves address space for `capacity` elements; a host without address space cannot run, so that is a
    /// precondition.
    package init(capacity: Int) {
        let bytes = UInt64(max(1, capacity) * MemoryLayout<Element>.stride)
        guard let raw = pbs_reserve(bytes) else { preconditionFailure("no address space for \(bytes) bytes") }
        self.raw = raw
        self.capacity = capacity
        base = raw.bindMemory(to: Element.self, capacity: max(1, capacity))
    }

    deinit { pbs_release(raw, UInt64(max(1, capacity) * MemoryLayout<Element>.stride)) }

    @inlinable package subscript(index: Int) -> Element {
        unsafeAddress { UnsafePointer(base + index) }
        nonmutating unsafeMutableAddress { base + index }
    }
}
