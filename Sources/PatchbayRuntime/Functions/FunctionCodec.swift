import CPatchbayFFI
import PatchbayEvents
import PatchbayExpressions

/// Values to and from the bytes that `patchbay_ffi.h` speaks of.
enum FunctionCodec {
    /// Why a value does not fit a parameter, for people.
    struct Misfit: Error {
        var message: String
    }

    /// What a call gave.
    struct Outcome: Sendable, Equatable {
        /// `null` of a function that gives nothing.
        var result: Value
        var errno: Int64
        var outs: [(name: String, value: Value)]

        static func == (a: Self, b: Self) -> Bool {
            a.result == b.result && a.errno == b.errno
                && a.outs.elementsEqual(b.outs) { $0.name == $1.name && $0.value == $1.value }
        }

        /// As conditions get it: `Configuration.outcomeVariables`.
        var variables: [Value] { [result, .int(errno), .object(outs)] }

        /// As an emitted event has it.
        var data: Value { .object([("result", result), ("errno", .int(errno)), ("outs", .object(outs))]) }
    }

    /// Whether values of an expression's type may fit a parameter.
    static func mayFit(_ type: ExpressionType, _ shape: FunctionSignature.Shape) -> Bool {
        if case .wrapper(let inner) = type { return mayFit(inner, shape) }
        if type == .dyn { return true }
        switch shape.kind {
        case .int, .uint: return [.int, .uint, .double, .bool].contains(type)
        case .float: return [.int, .uint, .double].contains(type)
        case .string, .bytes: return [.string, .bytes, .null].contains(type)
        case .structure:
            if case .list = type { return true }
            if case .map = type { return true }
            return type == .null
        case .void: return false
        }
    }

    /// Appends a value's bytes.
    static func append(_ value: Value, as shape: FunctionSignature.Shape, to bytes: inout [UInt8]) throws(Misfit) {
        switch shape.kind {
        case .int(let bits):
            guard let number = integer(value), let narrow = Int64(exactly: number),
                narrow >= Int64.min >> (64 - bits) && narrow <= Int64.max >> (64 - bits)
            else { throw misfit(value, shape) }
            append(UInt64(bitPattern: narrow), &bytes)
        case .uint(let bits):
            guard let number = integer(value), let narrow = UInt64(exactly: number), narrow <= UInt64.max >> (64 - bits)
            else { throw misfit(value, shape) }
            append(narrow, &bytes)
        case .float:
            switch value {
            case .int(let number): append(Double(number).bitPattern, &bytes)
            case .uint(let number): append(Double(number).bitPattern, &bytes)
            case .double(let number): append(number.bitPattern, &bytes)
            default: throw misfit(value, shape)
            }
        case .string, .bytes:
            switch value {
            case .null: append(PBF_NULL, &bytes)
            case .string(let text):
                // A function would take the text to end there.
                if shape.kind == .string, text.utf8.contains(0) { throw misfit(value, shape) }
                append(text: Array(text.utf8), &bytes)
            case .bytes(let content):
                if shape.kind == .string, content.contains(0) { throw misfit(value, shape) }
                append(text: Array(content), &bytes)
            default: throw misfit(value, shape)
            }
        case .structure(let fields): try append(value, fields, shape, &bytes)
        case .void: throw misfit(value, shape)
        }
    }

    /// A list by place, or a map by the fields' names.
    private static func append(
        _ value: Value, _ fields: [FunctionSignature.Shape], _ shape: FunctionSignature.Shape, _ bytes: inout [UInt8]
    ) throws(Misfit) {
        switch value {
        case .null: append(0, &bytes)
        case .list(let values) where values.count == fields.count:
            append(1, &bytes)
            for (value, field) in zip(values, fields) { try append(value, as: field, to: &bytes) }
        case .map(let map) where map.count == fields.count:
            append(1, &bytes)
            for field in fields {
                guard let value = map[.string(field.name)] else { throw misfit(value, shape) }
                try append(value, as: field, to: &bytes)
            }
        default: throw misfit(value, shape)
        }
    }

    /// Reads what a call gave; `nil` when the bytes are not what the signature says, which is our bug, or a worker gone wild.
    static func outcome(_ bytes: [UInt8], of signature: FunctionSignature) -> Outcome? {
        var reader = Reader(bytes: bytes)
        guard let result = reader.value(signature.result), let errno = reader.number() else { return nil }
        var outs: [(name: String, value: Value)] = []
        for out in signature.outs {
            guard let value = reader.value(out.shape) else { return nil }
            outs.append((out.name, value))
        }
        return reader.isAtEnd ? Outcome(result: result, errno: Int64(bitPattern: errno), outs: outs) : nil
    }

    private struct Reader {
        let bytes: [UInt8]
        var at = 0

        var isAtEnd: Bool { at == bytes.count }

        mutating func number() -> UInt64? {
            guard bytes.count - at >= 8 else { return nil }
            defer { at += 8 }
            return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: at, as: UInt64.self) }
        }

        mutating func value(_ shape: FunctionSignature.Shape) -> Value? {
            if shape.kind == .void { return .null }
            guard let number = number() else { return nil }
            switch shape.kind {
            case .void: return .null
            case .int: return .int(Int64(bitPattern: number))
            case .uint: return .uint(number)
            case .float: return .double(Double(bitPattern: number))
            case .string, .bytes:
                guard number != PBF_NULL else { return .null }
                guard number <= UInt64(bytes.count - at) else { return nil }
                let padded = (number + 7) / 8 * 8
                guard padded <= UInt64(bytes.count - at) else { return nil }
                let content = bytes[at..<at + Int(number)]
                at += Int(padded)
                if shape.kind == .string, let text = String(validating: content, as: UTF8.self) { return .string(text) }
                return .bytes(Array(content))
            case .structure(let fields):
                guard number != 0 else { return .null }
                var members: [(String, Value)] = []
                for (index, field) in fields.enumerated() {
                    guard let value = value(field) else { return nil }
                    members.append((field.name.isEmpty ? "field\(index + 1)" : field.name, value))
                }
                return .object(members)
            }
        }
    }

    /// A whole number; JSON has one type for all numbers.
    private static func integer(_ value: Value) -> Int128? {
        switch value {
        case .int(let number): Int128(number)
        case .uint(let number): Int128(number)
        case .double(let number): Int128(exactly: number)
        case .bool(let value): value ? 1 : 0
        default: nil
        }
    }

    private static func misfit(_ value: Value, _ shape: FunctionSignature.Shape) -> Misfit {
        Misfit(message: "\(value.display.prefix(100)) does not fit \(shape.text)")
    }

    private static func append(_ number: UInt64, _ bytes: inout [UInt8]) {
        withUnsafeBytes(of: number) { bytes += $0 }
    }

    private static func append(text: [UInt8], _ bytes: inout [UInt8]) {
        append(UInt64(text.count), &bytes)
        bytes += text
        bytes += [UInt8](repeating: 0, count: (8 - text.count % 8) % 8)
    }
}
