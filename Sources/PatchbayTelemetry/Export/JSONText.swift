/// Writes JSON as bytes; the caller keeps the grammar.
struct JSONText {
    private(set) var bytes: [UInt8] = []
    private var needsComma = false

    init() {}

    /// An object with the members that `body` writes.
    mutating func object(_ body: (inout JSONText) -> Void) { enclose("{", "}", body) }

    mutating func array(_ body: (inout JSONText) -> Void) { enclose("[", "]", body) }

    /// The key of the member whose value comes next.
    mutating func key(_ name: String) {
        separate()
        appendQuoted(name)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    mutating func string(_ value: String) {
        separate()
        appendQuoted(value)
    }

    /// A number or word that is JSON already.
    mutating func literal(_ text: String) {
        separate()
        bytes += text.utf8
    }

    mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }
    mutating func int(_ value: some BinaryInteger) { literal(String(value)) }

    /// Not-a-number and infinities become strings, as protobuf's JSON has them.
    mutating func double(_ value: Double) {
        if value.isFinite {
            literal(String(value))
        } else {
            string(value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity")
        }
    }

    mutating func newline() {
        bytes.append(0x0a)
        needsComma = false
    }

    private mutating func enclose(_ open: Unicode.Scalar, _ close: Unicode.Scalar, _ body: (inout JSONText) -> Void) {
        separate()
        bytes.append(UInt8(ascii: open))
        needsComma = false
        body(&self)
        bytes.append(UInt8(ascii: close))
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func appendQuoted(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): bytes += Array(#"\""#.utf8)
            case UInt8(ascii: "\\"): bytes += Array(#"\\"#.utf8)
            case 0x0a: bytes += Array(#"\n"#.utf8)
            case 0x0d: bytes += Array(#"\r"#.utf8)
            case 0x09: bytes += Array(#"\t"#.utf8)
            case 0..<0x20:
                bytes += Array((byte < 0x10 ? #"\u000"# : #"\u00"#).utf8) + Array(String(byte, radix: 16).utf8)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
