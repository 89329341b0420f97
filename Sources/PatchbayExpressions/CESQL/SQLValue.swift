import CPatchbayJSON

/// A value while a CESQL expression is evaluated: trivial, so that nothing is counted or allocated for it.
struct SQLValue: BitwiseCopyable {
    enum Kind: UInt8 {
        case bool, integer
        /// Bytes of the event or of the expression.
        case text
        /// Bytes in the frame's scratch: `number` is where they begin.
        case scratch
    }

    let kind: Kind
    /// The integer; 0 or 1; the offset in the scratch.
    let number: Int32
    let bytes: UnsafePointer<UInt8>?
    let count: Int

    static func bool(_ value: Bool) -> SQLValue { SQLValue(kind: .bool, number: value ? 1 : 0, bytes: nil, count: 0) }
    static func integer(_ value: Int32) -> SQLValue { SQLValue(kind: .integer, number: value, bytes: nil, count: 0) }
    static func text(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> SQLValue {
        SQLValue(kind: .text, number: 0, bytes: bytes, count: count)
    }
    static func text(_ text: StaticString) -> SQLValue { .text(text.utf8Start, text.utf8CodeUnitCount) }
    static func scratch(at offset: Int, _ count: Int) -> SQLValue {
        SQLValue(kind: .scratch, number: Int32(offset), bytes: nil, count: count)
    }

    /// What stands for a part that has no value.
    static func zero(_ type: SQLType) -> SQLValue {
        switch type {
        case .integer: .integer(0)
        case .text: .text("")
        case .bool, .unknown: .bool(false)
        }
    }

    var type: SQLType {
        switch kind {
        case .bool: .bool
        case .integer: .integer
        case .text, .scratch: .text
        }
    }

    var isTrue: Bool { kind == .bool && number != 0 }
}

/// Why a part of a CESQL expression has no value.
enum SQLFault: UInt8, Sendable {
    case missingAttribute, missingFunction
    case divideByZero, overflow
    case notInteger, notBool
    case negativeCount, outsideOfText
    case costExceeded
}

/// What one evaluation of a CESQL expression reads and spends.
struct SQLFrame {
    let fields: UnsafePointer<pbj_field>?
    /// Texts that were made: at most `scratchMax` bytes.
    var scratch: [UInt8] = []
    /// The first fault, which ends the evaluation, and the instruction that it is of.
    private(set) var fault: SQLFault?
    private(set) var faultPlace = 0
    private var costLeft: Int

    static let scratchMax = 4 << 20

    init(fields: UnsafePointer<pbj_field>?, costMax: Int) {
        self.fields = fields
        costLeft = costMax
    }

    mutating func fail(_ fault: SQLFault, at place: Int) {
        guard self.fault == nil else { return }
        self.fault = fault
        faultPlace = place
    }

    /// For work along this many bytes; false, and a fault, when that is too much.
    mutating func spend(bytes: Int, at place: Int) -> Bool {
        costLeft -= 1 + bytes / 16
        if costLeft < 0 { fail(.costExceeded, at: place) }
        return costLeft >= 0
    }

    /// Keeps bytes as a text.
    mutating func keep(_ bytes: some Collection<UInt8>, at place: Int) -> SQLValue {
        let offset = scratch.count
        guard spend(bytes: bytes.count, at: place) else { return .text("") }
        guard offset + bytes.count <= Self.scratchMax else {
            fail(.costExceeded, at: place)
            return .text("")
        }
        scratch += bytes
        return .scratch(at: offset, bytes.count)
    }

    /// The bytes of a text.
    func withBytes<R>(of value: SQLValue, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
        guard value.kind == .scratch else { return body(UnsafeBufferPointer(start: value.bytes, count: value.count)) }
        return scratch.withUnsafeBufferPointer { all in
            let start = Int(value.number)
            return body(UnsafeBufferPointer(rebasing: all[start..<(start + value.count)]))
        }
    }

    func string(_ value: SQLValue) -> String { withBytes(of: value) { String(decoding: $0, as: UTF8.self) } }
}

/// Casts between the types of CESQL.
///
/// - Source: CloudEvents SQL 1.0, section 3.7
enum SQLCast {
    /// The integer in base 10 that the text is, with an optional sign; `nil` for anything else, or over 32 bits.
    static func integer(_ text: some Collection<UInt8>) -> Int32? {
        var digits = text[...]
        let isNegative = digits.first == UInt8(ascii: "-")
        if isNegative || digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
        guard !digits.isEmpty else { return nil }
        var value: Int64 = 0
        for byte in digits {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - 0x30)
            if value > 1 << 31 { return nil }
        }
        return Int32(exactly: isNegative ? -value : value)
    }

    /// `true` or `false` in any mix of small and capital letters.
    static func bool(_ text: UnsafeBufferPointer<UInt8>) -> Bool? {
        func isWord(_ word: StaticString) -> Bool {
            guard text.count == word.utf8CodeUnitCount else { return false }
            return text.indices.allSatisfy { text[$0] | 0x20 == word.utf8Start[$0] }
        }
        return isWord("true") ? true : isWord("false") ? false : nil
    }
}

extension SQLFrame {
    /// The value as one of `type`; the zero value and a fault when it cannot be.
    mutating func cast(_ value: SQLValue, to type: SQLType, at place: Int) -> SQLValue {
        if value.type == type || type == .unknown { return value }
        switch (type, value.kind) {
        case (.text, .bool): return value.isTrue ? .text("true") : .text("false")
        case (.text, _): return keep(Array(String(value.number).utf8), at: place)
        case (.bool, .integer): return .bool(value.number != 0)
        case (.integer, .bool): return .integer(value.number)
        case (.bool, _):
            if let bool = withBytes(of: value, SQLCast.bool) { return .bool(bool) }
            fail(.notBool, at: place)
        default:
            if let integer = withBytes(of: value, { SQLCast.integer($0) }) { return .integer(integer) }
            fail(.notInteger, at: place)
        }
        return .zero(type)
    }
}
