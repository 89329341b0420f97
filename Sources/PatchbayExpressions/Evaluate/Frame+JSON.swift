import CPatchbayJSON
import PatchbayEvents
import Synchronization

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
            try spend(1 + length / 16, at: place)
            return .string(String(decoding: UnsafeRawBufferPointer(start: field.ptr, count: length), as: UTF8.self))
        default:
            try spend(1 + length / 4, at: place)
            guard let value = IdleReaders.value(of: field) else {
                throw EvaluationError(.invalidData, "the field's JSON text cannot be read", position: place)
            }
            return value
        }
    }
}

/// Readers between two uses: each belongs to one thread at a time, and making one costs more than most texts.
private struct IdleReaders: @unchecked Sendable {
    // Invariant: only inside of `idle`; a reader that was taken out is in no other thread's hands.
    private var readers: [JSONReader] = []

    private static let idle = Mutex(IdleReaders())
    private static let keptMax = 16
    /// More than an event's decoder lets through.
    private static let nestingMax = 512

    /// `nil` when the text is not JSON or nests too deeply.
    static func value(of field: pbj_field) -> Value? {
        let taken = idle.withLock { IdleReader(reader: $0.readers.popLast()) }
        let reader = taken.reader ?? JSONReader(nesting: nestingMax)
        let back = IdleReader(reader: reader)
        defer {
            idle.withLock { if $0.readers.count < keptMax, let reader = back.reader { $0.readers.append(reader) } }
        }
        do {
            return try reader.value(field)
        } catch {
            return nil
        }
    }
}

private struct IdleReader: @unchecked Sendable {
    // Invariant: made and used by the one thread that took the reader.
    let reader: JSONReader?
}
