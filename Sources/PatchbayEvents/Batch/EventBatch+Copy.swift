import CPatchbay
import CPatchbayJSON

extension EventBatch {
    /// Appends a copy of one event of another batch, with its text, attributes and trace.
    ///
    /// - Returns: its index here; `nil` when this batch has no room for it.
    package func append(copying index: Int, of other: BatchView) -> Int? {
        let record = other.events[index]
        let line = Int(record.line.length)
        guard count < Self.eventsMax, textCount + line <= textCapacity,
            extensionCount + Int(record.ext_count) <= Self.extensionsMax
        else { return nil }
        var copy = record
        (text + textCount).update(from: other.text + Int(record.line.offset), count: line)
        let moved = Int64(textCount) - Int64(record.line.offset)
        copy.line.offset = UInt32(textCount)
        func rebase(_ span: inout pbj_span) -> Bool {
            guard span.length > 0 else { return true }
            if span.offset & PBJ_ARENA == 0 {
                span.offset = UInt32(Int64(span.offset) + moved)
                return true
            }
            let bytes = other.bytes(span)
            span = pbj_arena_copy(arena, bytes.ptr, bytes.len)
            return span.length != .max
        }
        guard rebase(&copy.id), rebase(&copy.source), rebase(&copy.type), rebase(&copy.subject), rebase(&copy.time),
            rebase(&copy.datacontenttype), rebase(&copy.dataschema), rebase(&copy.data)
        else { return nil }
        copy.ext_first = UInt32(extensionCount)
        for attribute in other.extensions(of: record) {
            guard let key = copied(attribute.key), let value = copied(attribute.value) else { return nil }
            extensions[extensionCount] = patchbay_kv(key: key, value: value)
            extensionCount += 1
        }
        events[count] = copy
        traces[count] = other.traces[index]
        textCount += line
        count += 1
        return count - 1
    }

    /// The bytes in this batch's arena; `nil` when memory is out.
    private func copied(_ bytes: patchbay_str) -> patchbay_str? {
        guard bytes.len > 0 else { return bytes }
        let span = pbj_arena_copy(arena, bytes.ptr, bytes.len)
        return span.length == .max ? nil : self.bytes(span)
    }

    private func bytes(_ span: pbj_span) -> patchbay_str { BatchView(self).bytes(span) }

    /// Adds a delivery.
    package func append(_ delivery: RoutedDelivery) {
        reserveDeliveries(1)
        deliveries[deliveryCount] = delivery
        deliveryCount += 1
    }
}
