import PatchbayEvents
import PatchbayExpressions

/// What matching reads of a table: pointers into its memory as one trivial value, so that nothing on the event path
/// counts references. Valid as long as the table.
struct CompiledRoutes: BitwiseCopyable {
    let seed: KeySeed
    let typeSlot: Int
    let sourceSlot: Int
    let idSlot: Int
    /// In the order of trying.
    let records: UnsafeMutablePointer<RouteRecord>
    let targets: UnsafeMutablePointer<TargetRecord>
    let choices: UnsafeMutablePointer<ChoiceRecord>
    let filters: UnsafeMutablePointer<FilterRecord>
    let conditions: UnsafeMutablePointer<Unmanaged<Condition>>
    let queries: UnsafeMutablePointer<Unmanaged<Query>>
    let keys: UnsafeMutablePointer<KeyRecord>
    let keyFields: UnsafeMutablePointer<Int32>
    let computedKeys: UnsafeMutablePointer<Unmanaged<ComputedKey>>

    /// An expression at one place in memory, so that it is evaluated without copying what it holds.
    final class Condition: Sendable {
        let expression: Expression
        init(_ expression: Expression) { self.expression = expression }
    }

    final class Query: Sendable {
        let expression: SQLExpression
        init(_ expression: SQLExpression) { self.expression = expression }
    }

    final class ComputedKey: Sendable {
        let key: RouteKey
        init(_ key: RouteKey) { self.key = key }
    }

    @inline(__always)
    func matches(condition index: Int, _ slots: FieldSlots) -> Match {
        conditions[index]._withUnsafeGuaranteedRef { $0.expression.matches(slots) }
    }

    @inline(__always)
    func matches(query index: Int, _ slots: FieldSlots) -> Match {
        queries[index]._withUnsafeGuaranteedRef { $0.expression.matches(slots) }
    }

    /// The hash of a route's key; 0 is no key.
    @inline(__always)
    func hash(key index: Int32, _ slots: FieldSlots, seed: KeySeed) -> UInt64 {
        if index < 0 { return 0 }
        let record = keys[Int(index)]
        if record.fieldCount == 0 {
            return computedKeys[Int(record.key)]._withUnsafeGuaranteedRef { $0.key.computedHash(slots, seed: seed) }
        }
        let fields = UnsafeBufferPointer(
            start: UnsafePointer(keyFields + Int(record.firstField)), count: Int(record.fieldCount))
        return RouteKey.hash(fields: fields, slots, seed: seed)
    }
}
