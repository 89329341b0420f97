import PatchbayEvents

/// The keywords of one schema, each read as the type that it must have; what has another type becomes a problem.
struct KeywordReader {
    let map: Value.Map
    let place: SchemaPlace
    /// Of the schema itself.
    let location: String
    let dialect: Dialect
    private(set) var problems: [SchemaError.Problem] = []

    init(map: Value.Map, place: SchemaPlace, location: String, dialect: Dialect) {
        self.map = map
        self.place = place
        self.location = location
        self.dialect = dialect
    }

    func location(of keyword: String) -> String { "\(location)/\(JSONPointer.escaped(keyword))" }

    mutating func refuse(_ keyword: String, _ message: String) {
        problems.append(.init(.badKeyword, message, at: location(of: keyword)))
    }

    mutating func string(_ keyword: String) -> String? {
        guard let value = map[keyword] else { return nil }
        guard case .string(let string) = value else {
            refuse(keyword, "must be a string, got \(value.described)")
            return nil
        }
        return string
    }

    mutating func bool(_ keyword: String) -> Bool? {
        guard let value = map[keyword] else { return nil }
        guard case .bool(let bool) = value else {
            refuse(keyword, "must be true or false, got \(value.described)")
            return nil
        }
        return bool
    }

    mutating func number(_ keyword: String) -> Value? {
        guard let value = map[keyword] else { return nil }
        guard JSONTypes(of: value).isNumber, value == value else {
            refuse(keyword, "must be a number, got \(value.described)")
            return nil
        }
        return value
    }

    /// Counts beyond what fits are as good as the largest that does.
    mutating func count(_ keyword: String) -> Int? {
        guard let value = map[keyword] else { return nil }
        guard JSONTypes(of: value).contains(.integer), Value.numericOrder(value, .int(0)) != .less else {
            refuse(keyword, "must be an integer of at least 0, got \(value.described)")
            return nil
        }
        switch value {
        case .int(let count): return Int(count)
        case .double(let count): return Int(exactly: count) ?? Int.max
        default: return Int.max
        }
    }

    mutating func list(_ keyword: String) -> [Value]? {
        guard let value = map[keyword] else { return nil }
        guard case .list(let list) = value else {
            refuse(keyword, "must be an array, got \(value.described)")
            return nil
        }
        return list
    }

    mutating func object(_ keyword: String) -> [(name: String, value: Value)]? {
        guard let value = map[keyword] else { return nil }
        guard case .map(let map) = value else {
            refuse(keyword, "must be an object, got \(value.described)")
            return nil
        }
        return map.entries.compactMap { entry in
            guard case .string(let name) = entry.key else { return nil }
            return (name, entry.value)
        }
    }

    mutating func strings(_ value: Value, of keyword: String) -> [String]? {
        guard case .list(let list) = value else {
            refuse(keyword, "must be an array of strings, got \(value.described)")
            return nil
        }
        var strings: [String] = []
        for value in list {
            guard case .string(let string) = value else {
                refuse(keyword, "must hold only strings, got \(value.described)")
                return nil
            }
            strings.append(string)
        }
        return strings
    }
}
