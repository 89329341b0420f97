import CPatchbayJSON
import PatchbayEvents

extension Frame {
    /// A present field's value; an array or object is read from its JSON text now.
    mutating func value(of field: pbj_field, at place: SourcePosition) throws(EvaluationError) -> Value {
        let length = Int(field.length)
        switch field.kind {
        case PBJ_NULL.rawValue: return .null
        case PBJ_BOOL.rawValue: return .bool(field.i != 0)
        case PBJ_INT.rawValue: return .int(field.i)
        case PBJ_UINT.rawValue: return .uint(field.u)
        case PBJ_DOUBLE.rawValue: return .double(field.d)
        case PBJ_STRING.rawValue:
            try cost.spend(bytes: length)
            let bytes = UnsafeRawBufferPointer(start: field.ptr, count: length)
            return .string(String(decoding: bytes, as: UTF8.self))
        default:
            throw EvaluationError(.invalidData, "the field's JSON text cannot be read", position: place)
        }
    }
}
