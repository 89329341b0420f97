import CPatchbayJSON
import PatchbayEvents

/// Hashes of keys: equal keys have equal hashes, whether a field or an expression gave them; 0 is no key.
extension RouteKey {
    private enum Kind {
        static let text: UInt64 = 1
        static let int: UInt64 = 2
        static let uint: UInt64 = 3
        static let double: UInt64 = 4
        static let bool: UInt64 = 5
        static let null: UInt64 = 6
        static let other: UInt64 = 7
    }

    /// The key that an expression computes.
    func computedHash(_ slots: FieldSlots, seed: KeySeed) -> UInt64 {
        value(slots).map { RouteKey.hash($0, seed: seed) } ?? 0
    }

    /// The key that these fields are, joined.
    static func hash(fields: UnsafeBufferPointer<Int32>, _ slots: FieldSlots, seed: KeySeed) -> UInt64 {
        var chain: UInt64 = 0
        for slot in fields {
            let field = slots[Int(slot)]
            let isEmpty = field.kind == PBJ_NULL.rawValue || (field.kind == PBJ_STRING.rawValue && field.length == 0)
            if field.kind == PBJ_ABSENT.rawValue || (isEmpty && fields.count == 1) { return 0 }
            chain = hash(field, seed: seed, chain: chain)
        }
        return chain == 0 ? 1 : chain
    }

    private static func hash(_ field: pbj_field, seed: KeySeed, chain: UInt64) -> UInt64 {
        switch pbj_kind(rawValue: field.kind) {
        case PBJ_STRING: return seed.hash(field.text, kind: Kind.text, chain: chain)
        case PBJ_INT: return hash(UInt64(bitPattern: field.i), kind: Kind.int, seed: seed, chain: chain)
        case PBJ_UINT: return hash(field.u, kind: Kind.uint, seed: seed, chain: chain)
        case PBJ_DOUBLE: return hash(field.d, seed: seed, chain: chain)
        case PBJ_BOOL: return hash(UInt64(bitPattern: field.i), kind: Kind.bool, seed: seed, chain: chain)
        case PBJ_JSON: return seed.hash(field.text, kind: Kind.other, chain: chain)
        default: return hash(0, kind: Kind.null, seed: seed, chain: chain)
        }
    }

    static func hash(_ value: Value, seed: KeySeed) -> UInt64 {
        switch value {
        case .null, .string(""), .list([]), .optional(nil): return 0
        case .optional(let value?): return hash(value, seed: seed)
        case .list(let parts):
            let chain = parts.reduce(0) { hash($1, seed: seed, chain: $0) }
            return chain == 0 ? 1 : chain
        default:
            let chain = hash(value, seed: seed, chain: 0)
            return chain == 0 ? 1 : chain
        }
    }

    private static func hash(_ value: Value, seed: KeySeed, chain: UInt64) -> UInt64 {
        switch value {
        case .null: return hash(0, kind: Kind.null, seed: seed, chain: chain)
        case .bool(let value): return hash(value ? 1 : 0, kind: Kind.bool, seed: seed, chain: chain)
        case .int(let value): return hash(UInt64(bitPattern: value), kind: Kind.int, seed: seed, chain: chain)
        case .uint(let value):
            let kind = value > UInt64(Int64.max) ? Kind.uint : Kind.int
            return hash(value, kind: kind, seed: seed, chain: chain)
        case .double(let value): return hash(value, seed: seed, chain: chain)
        case .string(let text):
            return Array(text.utf8).withUnsafeBytes { seed.hash($0, kind: Kind.text, chain: chain) }
        default:
            // Times, bytes, maps and lists in lists: by what they are written as.
            return Array("\(value)".utf8).withUnsafeBytes { seed.hash($0, kind: Kind.other, chain: chain) }
        }
    }

    /// A double with an integer's value is that integer, as in CEL.
    private static func hash(_ value: Double, seed: KeySeed, chain: UInt64) -> UInt64 {
        if let int = Int64(exactly: value) {
            return hash(UInt64(bitPattern: int), kind: Kind.int, seed: seed, chain: chain)
        }
        if let uint = UInt64(exactly: value) { return hash(uint, kind: Kind.uint, seed: seed, chain: chain) }
        return hash(value.bitPattern, kind: Kind.double, seed: seed, chain: chain)
    }

    private static func hash(_ word: UInt64, kind: UInt64, seed: KeySeed, chain: UInt64) -> UInt64 {
        withUnsafeBytes(of: word.littleEndian) { seed.hash($0, kind: kind, chain: chain) }
    }
}

extension pbj_field {
    /// The bytes of a string or of JSON text; empty for anything else.
    var text: UnsafeRawBufferPointer {
        guard kind == PBJ_STRING.rawValue || kind == PBJ_JSON.rawValue else { return .init(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: ptr, count: Int(length))
    }
}
