/// The numbers that the log has given to routes, handlers and configurations. A number keeps its meaning for the life of
/// the data folder.
package struct NameTable: Sendable, Equatable {
    private struct Names: Sendable, Equatable {
        /// By number; numbers are given one after the other, from 0.
        var names: [String] = []
        var numbers: [String: UInt16] = [:]
    }

    /// Numbers stop here: 65,535 is no handler.
    package static let namesMax = Int(UInt16.max)

    private var routes = Names()
    private var handlers = Names()
    private var configurations = Names()

    package init() {}

    /// The name of a number; `nil` when none was given.
    package func name(_ kind: NameRecord.Kind, _ number: UInt16) -> String? {
        let names = self[kind].names
        return Int(number) < names.count ? names[Int(number)] : nil
    }

    /// The number of a name; `nil` when it has none yet.
    package func number(_ kind: NameRecord.Kind, _ name: String) -> UInt16? { self[kind].numbers[name] }

    /// All names of a kind, by number.
    package func names(_ kind: NameRecord.Kind) -> [String] { self[kind].names }

    /// The number that the next new name gets; `nil` when all are given.
    package func nextNumber(_ kind: NameRecord.Kind) -> UInt16? {
        self[kind].names.count < Self.namesMax ? UInt16(self[kind].names.count) : nil
    }

    func count(_ kind: NameRecord.Kind) -> Int { self[kind].names.count }

    /// Takes a name in. A number that is not the next, or a name that has one, is an error.
    package mutating func add(_ record: NameRecord) throws(LogFormatError) {
        guard record.number == nextNumber(record.kind), self[record.kind].numbers[record.name] == nil else {
            throw LogFormatError("\(record.kind) \"\(record.name)\" is given number \(record.number) out of turn")
        }
        self[record.kind].names.append(record.name)
        self[record.kind].numbers[record.name] = record.number
    }

    private subscript(kind: NameRecord.Kind) -> Names {
        get {
            switch kind {
            case .route: routes
            case .handler: handlers
            case .configuration: configurations
            }
        }
        _modify {
            switch kind {
            case .route: yield &routes
            case .handler: yield &handlers
            case .configuration: yield &configurations
            }
        }
    }
}
