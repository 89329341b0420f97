import PatchbayEvents

/// Fills the defaults of a schema into an instance.
struct DefaultsFilling {
    let schema: JSONSchema
    /// Schemas still to be visited; at zero the rest of the instance stays as it is.
    private var stepsLeft: Int

    init(schema: JSONSchema) {
        self.schema = schema
        stepsLeft = schema.limits.stepsMax
    }

    /// - Parameter inside: the schemas whose default the walk is inside of.
    mutating func filling(_ instance: Value, by index: Int, inside: Set<Int>, depth: Int) -> Value {
        guard depth < schema.limits.depthMax, spend() else { return instance }
        var result = instance
        for rule in schema.nodes[index].rules {
            switch rule.check {
            case .reference(let target):
                result = filling(result, by: target, inside: inside, depth: depth + 1)
            case .allOf(let schemas):
                for schema in schemas { result = filling(result, by: schema, inside: inside, depth: depth + 1) }
            case .members(let members):
                guard case .map(let map) = result else { continue }
                result = .map(filling(map, by: members, inside: inside, depth: depth + 1))
            case .items(let prefix, let rest, _):
                guard case .list(let items) = result else { continue }
                result = .list(
                    items.enumerated().map { position, item in
                        guard let schema = position < prefix.count ? prefix[position] : rest else { return item }
                        return filling(item, by: schema, inside: inside, depth: depth + 1)
                    })
            default: continue
            }
        }
        return result
    }

    private mutating func filling(_ map: Value.Map, by members: SchemaMembers, inside: Set<Int>, depth: Int)
        -> Value.Map
    {
        var entries = map.entries.map { entry -> Value.Map.Entry in
            guard let schema = members.byName[entry.key] else { return entry }
            return (entry.key, filling(entry.value, by: schema, inside: inside, depth: depth))
        }
        for (name, schema) in members.named where map[name] == nil {
            guard let (value, source) = defaultValue(of: schema, depth: depth), !inside.contains(source) else {
                continue
            }
            let filled = filling(value, by: schema, inside: inside.union([source]), depth: depth)
            entries.append((.string(name), filled))
        }
        return Value.Map(entries)
    }

    /// A schema's own default, or the first one of what it refers to, with the schema that has it.
    private mutating func defaultValue(of index: Int, depth: Int) -> (value: Value, source: Int)? {
        guard depth < schema.limits.depthMax, spend() else { return nil }
        if let value = schema.nodes[index].defaultValue { return (value, index) }
        for rule in schema.nodes[index].rules {
            switch rule.check {
            case .reference(let target):
                if let found = defaultValue(of: target, depth: depth + 1) { return found }
            case .allOf(let schemas):
                for schema in schemas {
                    if let found = defaultValue(of: schema, depth: depth + 1) { return found }
                }
            default: continue
            }
        }
        return nil
    }

    private mutating func spend() -> Bool {
        stepsLeft -= 1
        return stepsLeft >= 0
    }
}
