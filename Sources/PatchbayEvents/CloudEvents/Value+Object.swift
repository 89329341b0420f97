extension Value {
    /// A map from names, in this order.
    package static func object(_ members: [(String, Value)]) -> Value {
        .map(Map(members.map { (key: .string($0.0), value: $0.1) }))
    }
}
