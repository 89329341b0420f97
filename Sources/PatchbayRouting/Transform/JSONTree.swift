import PatchbayEvents

/// Valid JSON text that is taken apart only where something is changed: all else keeps its bytes, so numbers stay exact.
indirect enum JSONTree: Sendable {
    struct Member: Sendable {
        /// Without escapes.
        let name: String
        var value: JSONTree
    }

    case text([UInt8])
    /// In order; a name may be there twice.
    case object([Member])
    case array([JSONTree])

    /// Why a value cannot be put somewhere.
    struct Obstacle: Error {
        /// What is in the way, as `a text`.
        let kind: String
        /// How many steps of the path lead to it.
        let depth: Int
    }

    /// Appends it as text.
    func write(to writer: inout JSONWriter) {
        switch self {
        case .text(let text): writer.json(text)
        case .object(let members):
            writer.raw("{")
            for (index, member) in members.enumerated() {
                if index > 0 { writer.raw(",") }
                writer.string(member.name)
                writer.raw(":")
                member.value.write(to: &writer)
            }
            writer.raw("}")
        case .array(let elements):
            writer.raw("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { writer.raw(",") }
                element.write(to: &writer)
            }
            writer.raw("]")
        }
    }

    var bytes: [UInt8] {
        if case .text(let text) = self { return text }
        var writer = JSONWriter()
        write(to: &writer)
        return writer.bytes
    }

    // MARK: Places

    /// The value at a place; of a name given twice the last one. `nil` when there is nothing.
    func value(at path: ArraySlice<TransformPath.Step>) -> JSONTree? {
        guard let step = path.first else { return self }
        guard case .member(let name) = step, case .object(let members) = opened else { return nil }
        return members.last { $0.name == name }?.value.value(at: path.dropFirst())
    }

    /// Puts a value there; objects on the way are made where there is nothing.
    mutating func set(
        _ path: ArraySlice<TransformPath.Step>, to value: JSONTree, depth: Int = 0
    ) throws(Obstacle) {
        guard case .member(let name)? = path.first else {
            self = value
            return
        }
        guard case .object(var members) = opened else { throw Obstacle(kind: kind, depth: depth) }
        let place = members.lastIndex { $0.name == name }
        var inner = place.map { members[$0].value } ?? .object([])
        try inner.set(path.dropFirst(), to: value, depth: depth + 1)
        if let place {
            members[place].value = inner
            // The one that counted stays; what it hid would otherwise come to light.
            let kept = members[place]
            members.removeAll { $0.name == name }
            members.insert(kept, at: min(place, members.count))
        } else {
            members.append(Member(name: name, value: inner))
        }
        self = .object(members)
    }

    /// Takes away whatever is there, or puts `replacement` in its place. Whether there was anything.
    @discardableResult
    mutating func replace(_ path: ArraySlice<TransformPath.Step>, with replacement: JSONTree?) -> Bool {
        guard let step = path.first else { return false }
        let rest = path.dropFirst()
        var found = false
        switch (step, opened) {
        case (.member(let name), .object(var members)):
            guard members.contains(where: { $0.name == name }) else { return false }
            if rest.isEmpty, replacement == nil {
                members.removeAll { $0.name == name }
                found = true
            } else {
                for index in members.indices where members[index].name == name {
                    found = members[index].value.change(rest, replacement) || found
                }
            }
            if found { self = .object(members) }
        case (.every, .array(var elements)):
            if rest.isEmpty, replacement == nil {
                found = !elements.isEmpty
                elements = []
            } else {
                for index in elements.indices { found = elements[index].change(rest, replacement) || found }
            }
            if found { self = .array(elements) }
        default: break
        }
        return found
    }

    private mutating func change(_ rest: ArraySlice<TransformPath.Step>, _ replacement: JSONTree?) -> Bool {
        if rest.isEmpty, let replacement {
            self = replacement
            return true
        }
        return replace(rest, with: replacement)
    }

    // MARK: Taking apart

    /// One level of it as object or array; scalars stay text.
    private var opened: JSONTree {
        guard case .text(let text) = self else { return self }
        var scanner = JSONScanner(text)
        switch scanner.first {
        case UInt8(ascii: "{"): return .object(scanner.members())
        case UInt8(ascii: "["): return .array(scanner.elements())
        default: return self
        }
    }

    /// What it is, for messages.
    private var kind: String {
        switch self {
        case .object: return "an object"
        case .array: return "a list"
        case .text(let text):
            switch JSONScanner(text).first {
            case UInt8(ascii: "{"): return "an object"
            case UInt8(ascii: "["): return "a list"
            case UInt8(ascii: "\""): return "a text"
            case UInt8(ascii: "t"), UInt8(ascii: "f"): return "a boolean"
            case UInt8(ascii: "n"): return "null"
            default: return "a number"
            }
        }
    }

    /// The text that it is, without quotes and escapes; `nil` for anything else.
    var string: String? {
        guard case .text(let text) = self, JSONScanner(text).first == UInt8(ascii: "\"") else { return nil }
        return JSONScanner(text).unescaped(0..<text.count)
    }

    /// Neither an object nor a list.
    var isScalar: Bool {
        guard case .text(let text) = self, let first = JSONScanner(text).first else { return false }
        return first != UInt8(ascii: "{") && first != UInt8(ascii: "[")
    }

    var isNull: Bool {
        guard case .text(let text) = self else { return false }
        return JSONScanner(text).first == UInt8(ascii: "n")
    }
}

extension UInt8 {
    fileprivate var isSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }
}

/// Finds what is one level below the top of valid JSON text.
private struct JSONScanner {
    private let text: [UInt8]
    private var offset = 0

    init(_ text: [UInt8]) { self.text = text }

    /// The first byte that is no space.
    var first: UInt8? { text.first { !$0.isSpace } }

    mutating func members() -> [JSONTree.Member] {
        var members: [JSONTree.Member] = []
        enter()
        while skipSpace(), text[offset] != UInt8(ascii: "}") {
            let name = value()
            _ = skipSpace()
            offset += 1
            _ = skipSpace()
            members.append(JSONTree.Member(name: unescaped(name), value: .text(Array(text[value()]))))
            separator()
        }
        return members
    }

    mutating func elements() -> [JSONTree] {
        var elements: [JSONTree] = []
        enter()
        while skipSpace(), text[offset] != UInt8(ascii: "]") {
            elements.append(.text(Array(text[value()])))
            separator()
        }
        return elements
    }

    private mutating func enter() {
        _ = skipSpace()
        offset += 1
    }

    private mutating func separator() {
        if skipSpace(), text[offset] == UInt8(ascii: ",") { offset += 1 }
    }

    /// Whether anything is left.
    private mutating func skipSpace() -> Bool {
        while offset < text.count, text[offset].isSpace { offset += 1 }
        return offset < text.count
    }

    /// The bytes of the value that begins here.
    private mutating func value() -> Range<Int> {
        let start = offset
        var depth = 0
        while offset < text.count {
            let byte = text[offset]
            switch byte {
            case UInt8(ascii: "\""): skipString()
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                offset += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return start..<offset }
                depth -= 1
                offset += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                if depth == 0 { return start..<offset }
                offset += 1
            default:
                if depth == 0, byte.isSpace { return start..<offset }
                offset += 1
                continue
            }
            if depth == 0, byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "}") || byte == UInt8(ascii: "]") {
                return start..<offset
            }
        }
        return start..<offset
    }

    private mutating func skipString() {
        offset += 1
        while offset < text.count, text[offset] != UInt8(ascii: "\"") {
            offset += text[offset] == UInt8(ascii: "\\") ? 2 : 1
        }
        offset = min(text.count, offset + 1)
    }

    /// The text of the string in this range, without quotes and escapes.
    func unescaped(_ range: Range<Int>) -> String {
        let inner = text[range].drop { $0.isSpace }.dropFirst()
        let string = inner.prefix(upTo: inner.lastIndex(of: UInt8(ascii: "\"")) ?? inner.endIndex)
        guard string.contains(UInt8(ascii: "\\")) else { return String(decoding: string, as: UTF8.self) }
        var units: [UInt16] = []
        var rest = string
        var result = ""
        func flush() {
            result += String(decoding: units, as: UTF16.self)
            units = []
        }
        while let byte = rest.first {
            rest = rest.dropFirst()
            guard byte == UInt8(ascii: "\\"), let escape = rest.first else {
                flush()
                let plain = [byte] + rest.prefix { $0 != UInt8(ascii: "\\") }
                rest = rest.dropFirst(plain.count - 1)
                result += String(decoding: plain, as: UTF8.self)
                continue
            }
            rest = rest.dropFirst()
            switch escape {
            case UInt8(ascii: "u"):
                units.append(UInt16(String(decoding: rest.prefix(4), as: UTF8.self), radix: 16) ?? 0xFFFD)
                rest = rest.dropFirst(4)
            case UInt8(ascii: "n"): units.append(0x0A)
            case UInt8(ascii: "t"): units.append(0x09)
            case UInt8(ascii: "r"): units.append(0x0D)
            case UInt8(ascii: "b"): units.append(0x08)
            case UInt8(ascii: "f"): units.append(0x0C)
            default: units.append(UInt16(escape))
            }
        }
        flush()
        return result
    }
}
