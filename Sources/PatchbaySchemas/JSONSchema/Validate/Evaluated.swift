import PatchbayEvents

/// Which members and items of one instance successful subschemas have looked at: what `unevaluatedProperties` and
/// `unevaluatedItems` leave alone (Core, 11).
struct Evaluated {
    var allProperties = false
    var properties: Set<Value.Key> = []
    /// Items before this index.
    var itemsBelow = 0
    /// Items that `contains` accepted.
    var items: Set<Int> = []

    mutating func merge(_ other: Evaluated) {
        allProperties = allProperties || other.allProperties
        itemsBelow = max(itemsBelow, other.itemsBelow)
        if !other.properties.isEmpty { properties.formUnion(other.properties) }
        if !other.items.isEmpty { items.formUnion(other.items) }
    }
}
