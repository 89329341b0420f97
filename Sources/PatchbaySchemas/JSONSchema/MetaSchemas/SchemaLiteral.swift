import PatchbayEvents

/// A JSON document written down in Swift.
struct SchemaLiteral: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
    ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral
{
    let value: PatchbayEvents.Value

    init(dictionaryLiteral elements: (String, SchemaLiteral)...) {
        value = .map(PatchbayEvents.Value.Map(elements.map { (.string($0.0), $0.1.value) }))
    }
    init(arrayLiteral elements: SchemaLiteral...) { value = .list(elements.map(\.value)) }
    init(stringLiteral value: String) { self.value = .string(value) }
    init(integerLiteral value: Int64) { self.value = .int(value) }
    init(booleanLiteral value: Bool) { self.value = .bool(value) }
}
