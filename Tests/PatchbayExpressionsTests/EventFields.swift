import CPatchbayJSON
import PatchbayEvents
import PatchbayExpressions

/// An event's slots, filled by hand.
final class EventFields {
    enum Field {
        case null
        case bool(Bool)
        case int(Int64)
        case uint(UInt64)
        case double(Double)
        case text(String)
        case json(String)
    }

    private let fields: UnsafeMutablePointer<pbj_field>
    private let count: Int
    private var texts: [UnsafeMutablePointer<CChar>] = []

    /// Fields by path, such as `data.amount`; those that the plan does not know are left out.
    init(_ plan: FieldPlan, _ values: [String: Field]) {
        count = plan.count
        fields = .allocate(capacity: count + 1)
        fields.initialize(repeating: pbj_field(), count: count + 1)
        for (path, value) in values {
            let slot = plan.slot(of: path.split(separator: ".").map(String.init))
            if slot < count { fields[slot] = field(value) }
        }
    }

    deinit {
        fields.deallocate()
        for text in texts { text.deallocate() }
    }

    var slots: FieldSlots { FieldSlots(base: UnsafePointer(fields)) }

    private func field(_ value: Field) -> pbj_field {
        var field = pbj_field()
        switch value {
        case .null: field.kind = PBJ_NULL.rawValue
        case .bool(let value): (field.kind, field.i) = (PBJ_BOOL.rawValue, value ? 1 : 0)
        case .int(let value): (field.kind, field.i) = (PBJ_INT.rawValue, value)
        case .uint(let value): (field.kind, field.u) = (PBJ_UINT.rawValue, value)
        case .double(let value): (field.kind, field.d) = (PBJ_DOUBLE.rawValue, value)
        case .text(let text): keep(text, PBJ_STRING, &field)
        case .json(let text): keep(text, PBJ_JSON, &field)
        }
        return field
    }

    private func keep(_ text: String, _ kind: pbj_kind, _ field: inout pbj_field) {
        // JSON texts need 64 readable bytes after them.
        let bytes = text.utf8.map { CChar(bitPattern: $0) }
        let kept = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 64)
        kept.initialize(repeating: 0, count: bytes.count + 64)
        kept.update(from: bytes, count: bytes.count)
        texts.append(kept)
        field.kind = kind.rawValue
        field.length = UInt32(bytes.count)
        field.ptr = UnsafePointer(kept)
    }
}

/// What a condition comes to for an event with these fields.
func match(_ source: String, _ values: [String: EventFields.Field]) throws -> Match {
    let plan = FieldPlan()
    let expression = try Expression(source, in: ExpressionEnvironment(eventPlan: plan))
    let event = EventFields(plan, values)
    return withExtendedLifetime(event) { expression.matches(event.slots) }
}

/// The value of an expression for an event with these fields.
func value(_ source: String, _ values: [String: EventFields.Field] = [:]) throws -> Value {
    let plan = FieldPlan()
    let expression = try Expression(source, in: ExpressionEnvironment(eventPlan: plan))
    let event = EventFields(plan, values)
    return try withExtendedLifetime(event) { try expression.evaluate(event.slots) }
}

/// A seeded source of numbers (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
