/// Renames one key of a YAML text in place, without moving anything else.
enum KeyMask {
    /// `text` with the key `name` at `location` made unique; `nil` when it does not stand there literally.
    ///
    /// Its first character becomes one of the private use area, which YAML allows and files do not hold.
    static func mask(_ name: String, at location: SourceLocation, number: Int, in text: String) -> String? {
        guard let mask = Unicode.Scalar(0xE000 + UInt32(number)), let initial = name.unicodeScalars.first else {
            return nil
        }
        var scalars = text.unicodeScalars
        guard var index = scalars.index(line: location.line, column: location.column) else { return nil }
        if scalars[index] == "\"" || scalars[index] == "'" { index = scalars.index(after: index) }
        guard index < scalars.endIndex, scalars[index] == initial else { return nil }
        scalars.replaceSubrange(index...index, with: [mask])
        return String(scalars)
    }
}

extension String.UnicodeScalarView {
    /// The index of a place, both counted from 1; `nil` past the end.
    func index(line: Int, column: Int) -> Index? {
        var index = startIndex
        var line = line
        while line > 1, index < endIndex {
            let scalar = self[index]
            index = self.index(after: index)
            guard scalar == "\n" || scalar == "\r" || scalar == "\u{85}" || scalar == "\u{2028}" || scalar == "\u{2029}"
            else { continue }
            if scalar == "\r", index < endIndex, self[index] == "\n" { index = self.index(after: index) }
            line -= 1
        }
        guard line == 1, let found = self.index(index, offsetBy: column - 1, limitedBy: endIndex), found < endIndex
        else { return nil }
        return found
    }
}
