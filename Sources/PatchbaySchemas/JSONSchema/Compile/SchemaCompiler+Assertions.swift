import PatchbayEvents

/// Keywords that look at the instance alone.
extension SchemaCompiler {
    mutating func addTypes(_ body: inout KeywordReader, into index: Int) {
        if let value = body.map["type"] {
            let names: [String]?
            if case .string(let name) = value { names = [name] } else { names = body.strings(value, of: "type") }
            if let names {
                var types = JSONTypes()
                for name in names {
                    if let type = JSONTypes(name: name) {
                        types.formUnion(type)
                    } else {
                        body.refuse("type", "\"\(name)\" is no type; must be one of \(JSONTypes.allNames)")
                    }
                }
                if names.isEmpty { body.refuse("type", "must name at least one type") }
                add("type", .type(types), into: index)
            }
        }
        if let accepted = body.list("enum") { add("enum", .enumeration(accepted, Set(accepted)), into: index) }
        // In draft-07 too `const: null` is there.
        if let constant = body.map["const"] { add("const", .constant(constant), into: index) }
    }

    mutating func addBounds(_ body: inout KeywordReader, into index: Int) {
        if let divisor = body.number("multipleOf") {
            if Value.numericOrder(divisor, .int(0)) == .greater, let form = DecimalForm(divisor) {
                add("multipleOf", .multipleOf(divisor, form), into: index)
            } else {
                body.refuse("multipleOf", "must be more than 0, got \(divisor.described)")
            }
        }
        let bounds: [(String, NumericBound)] = [
            ("minimum", .minimum), ("exclusiveMinimum", .exclusiveMinimum), ("maximum", .maximum),
            ("exclusiveMaximum", .exclusiveMaximum),
        ]
        for (keyword, bound) in bounds {
            if let limit = body.number(keyword) { add(keyword, .bound(bound, limit), into: index) }
        }
        if let count = body.count("minLength") { add("minLength", .charactersMin(count), into: index) }
        if let count = body.count("maxLength") { add("maxLength", .charactersMax(count), into: index) }
        if let source = body.string("pattern"), let pattern = pattern(source, at: body.location(of: "pattern")) {
            add("pattern", .pattern(pattern), into: index)
        }
        if let count = body.count("minItems") { add("minItems", .itemsMin(count), into: index) }
        if let count = body.count("maxItems") { add("maxItems", .itemsMax(count), into: index) }
        if body.bool("uniqueItems") == true { add("uniqueItems", .uniqueItems, into: index) }
        if let count = body.count("minProperties") { add("minProperties", .propertiesMin(count), into: index) }
        if let count = body.count("maxProperties") { add("maxProperties", .propertiesMax(count), into: index) }
    }

    mutating func addNames(_ body: inout KeywordReader, into index: Int) {
        if let value = body.map["required"], let names = body.strings(value, of: "required") {
            add("required", .required(names), into: index)
        }
        if body.dialect.draft == .draft2020, let entries = body.object("dependentRequired") {
            let dependent = entries.compactMap { entry -> (name: String, required: [String])? in
                body.strings(entry.value, of: "dependentRequired").map { (entry.name, $0) }
            }
            add("dependentRequired", .dependentRequired(dependent), into: index)
        }
    }

    mutating func addFormat(_ body: inout KeywordReader, into index: Int) {
        guard let name = body.string("format") else { return }
        guard options.assertsFormat || body.dialect.vocabularies.contains(.formatAssertion) else { return }
        if let format = StringFormat.named(name, draft: body.dialect.draft) {
            add("format", .format(format), into: index)
        }
    }
}
