package import CPatchbayJSON

extension EventBatch {
    /// What a decoder is asked for: the lines of `text` up to `end`, at most `events` of them, into this batch's memory.
    package func request(upTo end: Int, events: Int = EventBatch.eventsMax) -> pbj_batch {
        var request = pbj_batch()
        request.text = UnsafePointer(text)
        request.end = UInt32(clamping: end)
        request.events = self.events
        request.ext = extensions
        request.capacity = UInt32(clamping: events)
        request.ext_capacity = UInt32(Self.extensionsMax)
        request.arena = arena
        return request
    }
}
