import CPatchbayJSON

extension pbj_field {
    /// The bytes that filters compare; `nil` when the event has no such attribute.
    var attributeBytes: [UInt8]? {
        if kind == PBJ_STRING.rawValue { return Array(text) }
        return withCanonicalText { Array(UnsafeRawBufferPointer(start: $0, count: $1)) }
    }

    /// The attribute for a message.
    var shown: String? { attributeBytes.map { String(decoding: $0, as: UTF8.self) } }
}
