/// The built-in functions. Characters are Unicode scalars.
extension SQLProgram {
    func call(_ function: SQLFunction, _ index: Int, _ frame: inout SQLFrame) -> SQLValue {
        var arguments: [SQLValue] = []
        var place = index + 1
        while place < Int(instructions[index].end) {
            let type = function.argumentType(arguments.count)
            arguments.append(operand(place, as: type, of: index, &frame))
            if frame.fault != nil { return .zero(function.resultType) }
            place = Int(instructions[place].end)
        }
        let bytes = arguments.reduce(0) { $0 + $1.count }
        guard frame.spend(bytes: bytes, at: index) else { return .zero(function.resultType) }
        switch function {
        case .integer, .bool, .text: return arguments[0]
        case .absolute: return absolute(arguments[0].number, index, &frame)
        case .concat: return frame.joined(arguments[...], with: nil, at: index)
        case .concatWith: return frame.joined(arguments.dropFirst(), with: arguments[0], at: index)
        case .lower: return frame.keep(Array(frame.string(arguments[0]).lowercased().utf8), at: index)
        case .upper: return frame.keep(Array(frame.string(arguments[0]).uppercased().utf8), at: index)
        case .length: return .integer(Int32(clamping: frame.characters(of: arguments[0])))
        case .trim: return trimmed(arguments[0], index, &frame)
        case .left: return end(of: arguments, fromLeft: true, index, &frame)
        case .right: return end(of: arguments, fromLeft: false, index, &frame)
        case .substring: return substring(arguments, index, &frame)
        }
    }

    /// The least number has no counterpart: the greatest one stands for it, with a fault.
    private func absolute(_ value: Int32, _ index: Int, _ frame: inout SQLFrame) -> SQLValue {
        if value == .min { frame.fail(.overflow, at: index) }
        return .integer(value == .min ? .max : abs(value))
    }

    private func trimmed(_ text: SQLValue, _ index: Int, _ frame: inout SQLFrame) -> SQLValue {
        let scalars = frame.string(text).unicodeScalars
        let start = scalars.prefix { $0.properties.isWhitespace }.endIndex
        let inner = scalars[start...]
        let end = inner.lastIndex { !$0.properties.isWhitespace }
        guard let end else { return .text("") }
        return frame.keep(Array(String(inner[...end]).utf8), at: index)
    }

    private func end(
        of arguments: [SQLValue], fromLeft: Bool, _ index: Int, _ frame: inout SQLFrame
    ) -> SQLValue {
        let text = arguments[0]
        let wanted = Int(arguments[1].number)
        guard wanted >= 0 else {
            frame.fail(.negativeCount, at: index)
            return text
        }
        let all = frame.characters(of: text)
        if all <= wanted { return text }
        return frame.slice(of: text, fromLeft ? 0..<wanted : (all - wanted)..<all)
    }

    /// Positions count from 1, negative ones from the end; position 0 has no characters.
    private func substring(_ arguments: [SQLValue], _ index: Int, _ frame: inout SQLFrame) -> SQLValue {
        let text = arguments[0]
        let position = Int(arguments[1].number)
        let all = frame.characters(of: text)
        let wanted = arguments.count > 2 ? Int(arguments[2].number) : all
        guard wanted >= 0 else {
            frame.fail(.negativeCount, at: index)
            return .text("")
        }
        if position == 0 { return .text("") }
        guard position <= all, position >= -all else {
            frame.fail(.outsideOfText, at: index)
            return .text("")
        }
        let start = position > 0 ? position - 1 : all + position
        return frame.slice(of: text, start..<min(all, start + wanted))
    }
}

extension SQLFrame {
    /// How many characters a text has.
    func characters(of text: SQLValue) -> Int { withBytes(of: text) { $0.count { $0 & 0xC0 != 0x80 } } }

    /// These characters of a text, where they lie.
    func slice(of text: SQLValue, _ characters: Range<Int>) -> SQLValue {
        let bytes = withBytes(of: text) { bytes in
            var seen = 0
            var (start, end) = (bytes.count, bytes.count)
            for (offset, byte) in bytes.enumerated() where byte & 0xC0 != 0x80 {
                if seen == characters.lowerBound { start = offset }
                if seen == characters.upperBound {
                    end = offset
                    break
                }
                seen += 1
            }
            return start..<max(start, end)
        }
        if text.kind == .scratch { return .scratch(at: Int(text.number) + bytes.lowerBound, bytes.count) }
        return .text(text.bytes.map { $0 + bytes.lowerBound }, bytes.count)
    }

    /// One text behind the other.
    mutating func joined(_ texts: ArraySlice<SQLValue>, with delimiter: SQLValue?, at place: Int) -> SQLValue {
        let count = texts.reduce(0) { $0 + $1.count } + (delimiter?.count ?? 0) * max(0, texts.count - 1)
        // Before anything is copied: delimiters multiply.
        guard spend(bytes: count, at: place), count <= Self.scratchMax else {
            fail(.costExceeded, at: place)
            return .text("")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        for (position, text) in texts.enumerated() {
            if position > 0, let delimiter { withBytes(of: delimiter) { bytes += $0 } }
            withBytes(of: text) { bytes += $0 }
        }
        return keep(bytes, at: place)
    }
}
