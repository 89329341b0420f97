import CPatchbay
package import CPatchbayJSON

/// Reads JSON text into values. Belongs to one thread at a time; keeps its memory between calls.
package final class JSONReader {
    private let decoder: OpaquePointer

    /// - Parameter nesting: how many arrays and objects may be open at once.
    package init(nesting: Int = 64) {
        decoder = pbj_decoder_new(pbj_limits(event_bytes: .max, nesting: UInt32(clamping: nesting)), nil)
    }

    deinit { pbj_decoder_free(decoder) }

    /// The value of a whole JSON text.
    ///
    /// - Shape: integers that fit are `int`, above that `uint`, all other numbers `double`; of a key given twice the
    ///   last value counts.
    /// - Errors: `notJSON`, `notUTF8`, `tooDeep`, with the offset.
    package func value(_ text: UnsafeRawBufferPointer) throws(CloudEventsError) -> Value {
        var builder = ValueBuilder()
        var visitor = ValueBuilder.visitor
        let error = withUnsafeMutablePointer(to: &builder) { builder in
            visitor.context = UnsafeMutableRawPointer(builder)
            return visit(text, &visitor)
        }
        if let error { throw error }
        return builder.root
    }

    /// The value of a whole JSON text.
    package func value(_ text: [UInt8]) throws(CloudEventsError) -> Value {
        try text.withUnsafeBufferPointer { bytes throws(CloudEventsError) in try value(UnsafeRawBufferPointer(bytes)) }
    }

    /// The value of an event's field; `nil` when it is absent.
    ///
    /// - Errors: `tooDeep`, when the event's decoder allows deeper nesting than this reader does.
    package func value(_ field: pbj_field) throws(CloudEventsError) -> Value? {
        switch pbj_kind(rawValue: field.kind) {
        case PBJ_NULL: .null
        case PBJ_BOOL: .bool(field.i != 0)
        case PBJ_INT: .int(field.i)
        case PBJ_UINT: .uint(field.u)
        case PBJ_DOUBLE: .double(field.d)
        case PBJ_STRING: .string(String(decoding: field.text, as: UTF8.self))
        case PBJ_JSON: try value(UnsafeRawBufferPointer(field.text))
        default: nil
        }
    }

    /// What keeps `text` from being JSON; `nil`: it is JSON.
    package func check(_ text: UnsafeRawBufferPointer) -> CloudEventsError? {
        var visitor = pbj_visitor()
        return visit(text, &visitor)
    }

    private func visit(_ text: UnsafeRawBufferPointer, _ visitor: inout pbj_visitor) -> CloudEventsError? {
        var record = pbj_event()
        let start = text.baseAddress?.assumingMemoryBound(to: CChar.self)
        record.error = pbj_visit(decoder, start, UInt64(text.count), &visitor, &record.error_offset)
        return record.error == 0 ? nil : CloudEventsError(refused: record, name: "")
    }
}

extension pbj_field {
    /// The bytes of a string, or of the text of an array or object.
    var text: UnsafeBufferPointer<UInt8> {
        UnsafeRawBufferPointer(start: ptr, count: Int(length)).assumingMemoryBound(to: UInt8.self)
    }
}

/// Builds a value from a visit: one frame per open array or object.
private struct ValueBuilder {
    private struct Frame {
        var isObject: Bool
        var list: [Value] = []
        var entries: [Value.Map.Entry] = []
        var key = ""
    }

    private var frames: [Frame] = []
    var root = Value.null

    mutating func add(_ value: Value) {
        guard let top = frames.indices.last else {
            root = value
            return
        }
        if frames[top].isObject {
            frames[top].entries.append((key: .string(frames[top].key), value: value))
        } else {
            frames[top].list.append(value)
        }
    }

    mutating func add(_ field: pbj_field) {
        switch pbj_kind(rawValue: field.kind) {
        case PBJ_BOOL: add(.bool(field.i != 0))
        case PBJ_INT: add(.int(field.i))
        case PBJ_UINT: add(.uint(field.u))
        case PBJ_DOUBLE: add(.double(field.d))
        case PBJ_STRING: add(.string(String(decoding: field.text, as: UTF8.self)))
        default: add(.null)
        }
    }

    mutating func setKey(_ key: String) {
        if let top = frames.indices.last { frames[top].key = key }
    }

    mutating func begin(isObject: Bool) { frames.append(Frame(isObject: isObject)) }

    mutating func end() {
        guard let frame = frames.popLast() else { return }
        add(frame.isObject ? .map(Value.Map(frame.entries)) : .list(frame.list))
    }

    /// Callbacks whose context points to a builder.
    static var visitor: pbj_visitor {
        pbj_visitor(
            context: nil,
            scalar: { context, field in
                guard let field else { return }
                context?.assumingMemoryBound(to: ValueBuilder.self).pointee.add(field.pointee)
            },
            key: { context, start, length in
                let bytes = UnsafeRawBufferPointer(start: start, count: Int(length))
                context?.assumingMemoryBound(to: ValueBuilder.self).pointee
                    .setKey(String(decoding: bytes, as: UTF8.self))
            },
            begin: { context, isObject in
                context?.assumingMemoryBound(to: ValueBuilder.self).pointee.begin(isObject: isObject != 0)
            },
            end: { context, _ in context?.assumingMemoryBound(to: ValueBuilder.self).pointee.end() })
    }
}
