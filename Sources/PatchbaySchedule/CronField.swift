/// The values that one field of a cron expression names.
struct CronField: Sendable, Hashable {
    /// What a field counts.
    struct Kind {
        let name: String
        let values: ClosedRange<Int>
        /// Names of values, from the lowest value on.
        var names: [String] = []

        static let second = Kind(name: "second", values: 0...59)
        static let minute = Kind(name: "minute", values: 0...59)
        static let hour = Kind(name: "hour", values: 0...23)
        static let day = Kind(name: "day of month", values: 1...31)
        static let month = Kind(
            name: "month", values: 1...12,
            names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"])
        /// Sunday is 0, and 7, too.
        static let weekday = Kind(
            name: "day of week", values: 0...7, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"])
    }

    /// Bit v is set when the value v is named.
    private var bits: UInt64 = 0
    /// `*` or `?`: it restricts nothing.
    private(set) var isAny = false

    init(only value: Int) { bits = 1 << UInt64(value) }

    init(_ text: String, _ kind: Kind) throws(CronError) {
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            try add(String(part), kind, of: text)
        }
        // Seven is Sunday.
        if kind.values == 0...7, bits & 1 << 7 != 0 { bits |= 1 }
    }

    func contains(_ value: Int) -> Bool { bits & 1 << UInt64(value) != 0 }

    private mutating func add(_ part: String, _ kind: Kind, of text: String) throws(CronError) {
        let pieces = part.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard let span = pieces.first, !span.isEmpty, pieces.count <= 2 else {
            throw Self.error(part, kind, of: text, "is no value, range or step")
        }
        var step = 1
        if pieces.count == 2 {
            guard let number = Int(pieces[1]), number > 0, number <= kind.values.upperBound else {
                throw Self.error(
                    part, kind, of: text, "has a step that is no number from 1 to \(kind.values.upperBound)")
            }
            step = number
        }
        let range: ClosedRange<Int>
        if span == "*" || span == "?" {
            if step == 1 { isAny = true }
            // 7 is another name of 0.
            range = kind.values.lowerBound...min(kind.values.upperBound, kind.values == 0...7 ? 6 : .max)
        } else {
            let ends = span.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
            guard ends.count <= 2 else { throw Self.error(part, kind, of: text, "is no range") }
            let low = try Self.value(ends[0], kind, part, of: text)
            var high = low
            if ends.count == 2 {
                high = try Self.value(ends[1], kind, part, of: text)
            } else if pieces.count == 2 {
                high = kind.values == 0...7 ? 6 : kind.values.upperBound
            }
            guard low <= high else { throw Self.error(part, kind, of: text, "begins behind its end") }
            range = low...high
        }
        for value in stride(from: range.lowerBound, through: range.upperBound, by: step) { bits |= 1 << UInt64(value) }
    }

    private static func value(_ text: String, _ kind: Kind, _ part: String, of field: String) throws(CronError) -> Int {
        if let place = kind.names.firstIndex(of: text.lowercased()) { return kind.values.lowerBound + place }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(text), kind.values.contains(number)
        else {
            let names = kind.names.isEmpty ? "" : ", or \(kind.names.joined(separator: ", "))"
            throw error(
                part, kind, of: field,
                "is not from \(kind.values.lowerBound) to \(kind.values.upperBound)\(names)")
        }
        return number
    }

    private static func error(_ part: String, _ kind: Kind, of field: String, _ what: String) -> CronError {
        CronError("\(kind.name) '\(field)': '\(part)' \(what)")
    }
}
