import CPatchbay

/// A copy of an event, to keep or to hand to another task.
public struct Event: Sendable {
    /// Unique together with `source`.
    public let id: String
    /// URI reference of who produced it.
    public let source: String
    /// Such as `com.acme.order.paid`.
    public let type: String
    /// Empty when absent, like the other optional attributes.
    public let subject: String
    /// RFC 3339.
    public let time: String
    /// Media type of `data`; empty: JSON.
    public let dataContentType: String
    /// URI.
    public let dataSchema: String
    /// The same for every attempt of one delivery.
    public let idempotencyKey: String
    /// Extension attributes in their canonical text form.
    public let attributes: [String: String]
    /// The payload's bytes.
    public let data: [UInt8]
    /// 1 for the first attempt.
    public let attempt: Int

    /// Copies everything of the event but its route and its deadline.
    public init(copying event: borrowing EventView) {
        let view = event.event.pointee
        id = String(view.id)
        source = String(view.source)
        type = String(view.type)
        subject = String(view.subject)
        time = String(view.time)
        dataContentType = String(view.datacontenttype)
        dataSchema = String(view.dataschema)
        idempotencyKey = String(view.idempotency_key)
        let pairs = UnsafeBufferPointer(start: view.ext, count: Int(view.ext_count))
        attributes = Dictionary(pairs.map { (String($0.key), String($0.value)) }, uniquingKeysWith: { $1 })
        data = Array(UnsafeBufferPointer(start: view.data, count: Int(view.data_len)))
        attempt = Int(view.attempt)
    }

    /// The payload decoded from JSON. Throws `JSONError`, which a handler can let pass: it rejects the event.
    public func decode<T: Decodable>(_ type: T.Type = T.self) throws(JSONError) -> T {
        try JSON(parsing: data).decode(T.self)
    }
}
