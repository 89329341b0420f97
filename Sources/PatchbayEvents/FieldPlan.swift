import CPatchbay
package import CPatchbayJSON

/// The fields of an event that routes, keys and transforms read, each with its slot.
///
/// Built while configuration is compiled, by one thread; immutable once decoders use it. A decoder fills one
/// `pbj_field` per slot and event, in one pass over the JSON text; nothing else of `data` is kept.
package final class FieldPlan: @unchecked Sendable {
    // Invariant: `add` is called only while configuration is compiled, before the plan is handed to decoders.
    package let handle: OpaquePointer

    package init() { handle = pbj_plan_new() }
    deinit { pbj_plan_free(handle) }

    /// Slots so far.
    package var count: Int { Int(pbj_plan_count(handle)) }

    /// The slot of `path`, such as `["type"]` or `["data", "amount"]`; the same path always has the same slot.
    package func slot(of path: [String]) -> Int {
        let bytes = path.map { ContiguousArray($0.utf8) }
        return withPointers(to: bytes[...], into: []) { components in
            components.withUnsafeBufferPointer { Int(pbj_plan_add(handle, $0.baseAddress, UInt32($0.count))) }
        }
    }

    private func withPointers<R>(
        to bytes: ArraySlice<ContiguousArray<UInt8>>, into found: [patchbay_str], _ body: ([patchbay_str]) -> R
    ) -> R {
        guard let first = bytes.first else { return body(found) }
        return first.withUnsafeBytes { raw in
            let text = patchbay_str(ptr: raw.baseAddress?.assumingMemoryBound(to: CChar.self), len: UInt64(raw.count))
            return withPointers(to: bytes.dropFirst(), into: found + [text], body)
        }
    }
}

/// The slots of one event, borrowed from its batch.
package struct FieldSlots {
    package let base: UnsafePointer<pbj_field>

    @inlinable package init(base: UnsafePointer<pbj_field>) { self.base = base }
    @inlinable package subscript(slot: Int) -> pbj_field { base[slot] }
}
