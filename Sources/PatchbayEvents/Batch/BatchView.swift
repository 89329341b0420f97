package import CPatchbay
package import CPatchbayJSON

/// The pointers that reading a batch takes, as a trivial value: what workers and the dispatcher use per event.
///
/// Valid as long as the batch is retained and not refilled.
package struct BatchView: BitwiseCopyable {
    package let text: UnsafePointer<CChar>
    package let arena: UnsafePointer<CChar>?
    package let events: UnsafePointer<pbj_event>
    package let extensions: UnsafePointer<patchbay_kv>
    package let traces: UnsafePointer<EventTrace>
    package let deliveries: UnsafePointer<RoutedDelivery>
    package let firstPosition: UInt64

    package init(_ batch: EventBatch) {
        text = UnsafePointer(batch.text)
        arena = pbj_arena_base(batch.arena)
        events = UnsafePointer(batch.events)
        extensions = UnsafePointer(batch.extensions)
        traces = UnsafePointer(batch.traces)
        deliveries = UnsafePointer(batch.deliveries)
        firstPosition = batch.firstPosition
    }

    /// The bytes that a span stands for.
    @inlinable package func bytes(_ span: pbj_span) -> patchbay_str {
        let base = span.offset & PBJ_ARENA != 0 ? arena : text
        return patchbay_str(ptr: base.map { $0 + Int(span.offset & ~PBJ_ARENA) }, len: UInt64(span.length))
    }
}
