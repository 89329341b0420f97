import PatchbayEvents

/// Keywords that apply subschemas.
extension SchemaCompiler {
    /// To the instance's members and items.
    mutating func addStructure(_ body: inout KeywordReader, into index: Int) {
        addMembers(&body, into: index)
        if let names = child("propertyNames", body) { add("propertyNames", .propertyNames(names), into: index) }
        addItems(&body, into: index)
        if let contained = child("contains", body) {
            let counts =
                body.dialect.draft == .draft2020
                && body.dialect.vocabularies.contains(.validation)
            let atLeast = counts ? body.count("minContains") ?? 1 : 1
            let atMost = counts ? body.count("maxContains") : nil
            add("contains", .contains(contained, atLeast: atLeast, atMost: atMost), into: index)
        }
    }

    private mutating func addMembers(_ body: inout KeywordReader, into index: Int) {
        var members = SchemaMembers()
        for (name, _) in body.object("properties") ?? [] {
            let schema = node(at: body.place.child("properties", name))
            members.named.append((name, schema))
            members.byName[.string(name)] = schema
        }
        for (source, _) in body.object("patternProperties") ?? [] {
            let schema = node(at: body.place.child("patternProperties", source))
            let location = body.location(of: "patternProperties")
            if let pattern = pattern(source, at: location) { members.patterns.append((pattern, schema)) }
        }
        members.additional = child("additionalProperties", body)
        guard !members.named.isEmpty || !members.patterns.isEmpty || members.additional != nil else { return }
        add("properties", .members(members), into: index)
    }

    private mutating func addItems(_ body: inout KeywordReader, into index: Int) {
        var prefix: [Int] = []
        let rest: Int?
        let prefixKeyword: String
        let restKeyword: String
        if body.dialect.draft == .draft7, case .list? = body.map["items"] {
            (prefixKeyword, restKeyword) = ("items", "additionalItems")
            rest = child("additionalItems", body)
            prefix = children("items", &body)
        } else {
            (prefixKeyword, restKeyword) = ("prefixItems", "items")
            rest = child("items", body)
            if body.dialect.draft == .draft2020 { prefix = children("prefixItems", &body) }
        }
        guard rest != nil || !prefix.isEmpty else { return }
        let keyword = prefix.isEmpty ? restKeyword : prefixKeyword
        add(keyword, .items(prefix: prefix, rest: rest, restKeyword: restKeyword), into: index)
    }

    /// To the instance itself.
    mutating func addInPlace(_ body: inout KeywordReader, into index: Int) {
        if body.map["allOf"] != nil { add("allOf", .allOf(alternatives("allOf", &body)), into: index) }
        if body.map["anyOf"] != nil { add("anyOf", .anyOf(alternatives("anyOf", &body)), into: index) }
        if body.map["oneOf"] != nil { add("oneOf", .oneOf(alternatives("oneOf", &body)), into: index) }
        if let negated = child("not", body) { add("not", .not(negated), into: index) }
        if let condition = child("if", body) {
            let (then, otherwise) = (child("then", body), child("else", body))
            add("if", .conditional(if: condition, then: then, else: otherwise), into: index)
        }
        if body.dialect.draft == .draft2020, let entries = body.object("dependentSchemas") {
            let schemas = entries.map { ($0.name, node(at: body.place.child("dependentSchemas", $0.name))) }
            add("dependentSchemas", .dependentSchemas(schemas), into: index)
        }
        addDependencies(&body, into: index)
    }

    /// Draft-07's `dependencies`, which draft 2020-12 split in two and let stay for compatibility.
    private mutating func addDependencies(_ body: inout KeywordReader, into index: Int) {
        guard let entries = body.object("dependencies") else { return }
        var schemas: [(name: String, schema: Int)] = []
        var required: [(name: String, required: [String])] = []
        for (name, value) in entries {
            if case .list = value {
                if let names = body.strings(value, of: "dependencies") { required.append((name, names)) }
            } else {
                schemas.append((name, node(at: body.place.child("dependencies", name))))
            }
        }
        if !required.isEmpty { add("dependencies", .dependentRequired(required), into: index) }
        if !schemas.isEmpty { add("dependencies", .dependentSchemas(schemas), into: index) }
    }

    /// These read what all the others have evaluated, so they come last.
    mutating func addUnevaluated(_ body: inout KeywordReader, into index: Int) {
        if let rest = child("unevaluatedItems", body) {
            add("unevaluatedItems", .unevaluatedItems(rest), into: index)
            nodes[index].readsEvaluated = true
        }
        if let rest = child("unevaluatedProperties", body) {
            add("unevaluatedProperties", .unevaluatedProperties(rest), into: index)
            nodes[index].readsEvaluated = true
        }
    }

    /// Definitions are compiled whether or not something refers to them, so that their problems are seen.
    mutating func compileDefinitions(_ body: inout KeywordReader) {
        let keywords = body.dialect.draft == .draft2020 ? ["$defs", "definitions"] : ["definitions"]
        for keyword in keywords {
            for (name, _) in body.object(keyword) ?? [] { _ = node(at: body.place.child(keyword, name)) }
        }
    }

    private mutating func child(_ keyword: String, _ body: KeywordReader) -> Int? {
        body.map[keyword] == nil ? nil : node(at: body.place.child(keyword))
    }

    private mutating func children(_ keyword: String, _ body: inout KeywordReader) -> [Int] {
        (body.list(keyword) ?? []).indices.map { node(at: body.place.child(keyword, String($0))) }
    }

    private mutating func alternatives(_ keyword: String, _ body: inout KeywordReader) -> [Int] {
        let schemas = children(keyword, &body)
        if schemas.isEmpty, case .list? = body.map[keyword] {
            body.refuse(keyword, "must hold at least one schema")
        }
        return schemas
    }
}
