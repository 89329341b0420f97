import PatchbayEvents

/// The documents that a schema and its references reach, with their identifiers and anchors.
struct SchemaResources {
    private(set) var documents: [Value] = []
    private(set) var resources: [SchemaResource] = []
    private(set) var problems: [SchemaError.Problem] = []

    private let options: JSONSchema.Options
    private var byURI: [String: Int] = [:]
    /// The resource of every subschema seen.
    private var owners: [SchemaPlace: Int] = [:]

    init(options: JSONSchema.Options) {
        self.options = options
    }

    /// Takes in a document with all its subschemas; returns its root.
    ///
    /// - Parameter dialect: what it is written in when it does not say.
    mutating func add(_ document: Value, uri: String, dialect otherwise: Dialect = .draft2020) -> SchemaPlace {
        let place = SchemaPlace(document: documents.count, pointer: "")
        documents.append(document)
        let base = URIReference(uri).withoutFragment
        let dialect = dialect(of: document, otherwise: otherwise, at: place)
        let resource = addResource(uri: identifier(of: document, dialect, base: base) ?? base, place, dialect)
        byURI[base.text] = resource
        scan(document, place, resource: resource, depth: 0)
        return place
    }

    /// The resource that a place belongs to; looks a place over that no keyword has led to yet.
    mutating func owner(of place: SchemaPlace, _ schema: Value) -> Int {
        if let owner = owners[place] { return owner }
        var pointer = place.pointer[...]
        while let slash = pointer.utf8.lastIndex(of: UInt8(ascii: "/")) {
            pointer = pointer[..<slash]
            let parent = SchemaPlace(document: place.document, pointer: String(pointer))
            guard let owner = owners[parent] else { continue }
            enter(schema, place, parent: owner, depth: 0)
            return owners[place] ?? owner
        }
        return 0
    }

    func value(at place: SchemaPlace) -> Value? {
        JSONPointer.tokens(place.pointer)?.reduce(documents[place.document] as Value?) { value, token in
            value.flatMap { JSONPointer.step(token, into: $0) }
        }
    }

    /// Where a reference from a resource leads; `nil` after a problem was noted.
    mutating func resolve(_ reference: String, from resource: Int, at location: String) -> SchemaPlace? {
        let target = URIReference(reference).resolved(against: resources[resource].uri)
        let uri = target.withoutFragment.text
        guard let found = byURI[uri] ?? load(uri, dialect: resources[resource].dialect) else {
            note(.unresolvedReference, "no schema has the URI \"\(uri)\"", at: location)
            return nil
        }
        guard let fragment = target.decodedFragment else {
            note(.unresolvedReference, "the fragment of \"\(reference)\" is no UTF-8", at: location)
            return nil
        }
        let place = resources[found].place
        if fragment.isEmpty { return place }
        if let tokens = JSONPointer.tokens(fragment) {
            let pointer = tokens.reduce(place.pointer) { $0 + "/" + JSONPointer.escaped($1) }
            let target = SchemaPlace(document: place.document, pointer: pointer)
            if value(at: target) != nil { return target }
        } else if let anchor = resources[found].anchors[fragment] ?? resources[found].dynamicAnchors[fragment] {
            return anchor
        }
        note(.unresolvedReference, "\"\(reference)\" leads nowhere in its schema", at: location)
        return nil
    }

    private mutating func load(_ uri: String, dialect: Dialect) -> Int? {
        let documents = options.documents
        guard let document = documents[uri] ?? documents[uri + "#"] ?? MetaSchemas.document(uri) else { return nil }
        _ = add(document, uri: uri, dialect: dialect)
        return byURI[uri]
    }

    private mutating func note(_ code: SchemaError.Code, _ message: String, at location: String) {
        problems.append(.init(code, message, at: location))
    }

    private func location(_ place: SchemaPlace, _ keyword: String) -> String {
        guard let owner = owners[place] else { return "#" + place.child(keyword).pointer }
        return resources[owner].location(of: place.child(keyword))
    }
}

// MARK: - Scanning

extension SchemaResources {
    /// Enters one subschema, which may open a resource of its own, and what is below it.
    private mutating func enter(_ schema: Value, _ place: SchemaPlace, parent: Int, depth: Int) {
        guard depth <= options.limits.depthMax else {
            note(.tooDeep, "nested deeper than \(options.limits.depthMax) levels", at: location(place, ""))
            return
        }
        let outer = resources[parent]
        var resource = parent
        if let uri = identifier(of: schema, outer.dialect, base: outer.uri) {
            let inner = dialect(of: schema, otherwise: outer.dialect, at: place)
            if byURI[uri.text] != nil {
                note(.badIdentifier, "the identifier \"\(uri.text)\" is given twice", at: location(place, "$id"))
            }
            resource = addResource(uri: uri, place, inner)
        }
        scan(schema, place, resource: resource, depth: depth)
    }

    private mutating func addResource(uri: URIReference, _ place: SchemaPlace, _ dialect: Dialect) -> Int {
        resources.append(SchemaResource(uri: uri.withoutFragment, place: place, dialect: dialect))
        byURI[uri.withoutFragment.text] = resources.count - 1
        return resources.count - 1
    }

    private mutating func scan(_ schema: Value, _ place: SchemaPlace, resource: Int, depth: Int) {
        owners[place] = resource
        guard case .map(let map) = schema else { return }
        addAnchors(map, place, resource: resource)
        let dialect = resources[resource].dialect
        for case (.string(let keyword), let value) in map.entries {
            guard let shape = dialect.subschemas(of: keyword) else { continue }
            let child = place.child(keyword)
            switch (shape, value) {
            case (.schema, _), (.schemaOrList, .map), (.schemaOrList, .bool):
                enter(value, child, parent: resource, depth: depth + 1)
            case (.list, .list(let list)), (.schemaOrList, .list(let list)):
                for (index, value) in list.enumerated() {
                    enter(value, child.child(String(index)), parent: resource, depth: depth + 1)
                }
            case (.map, .map(let map)), (.mapOfSchemasOrNames, .map(let map)):
                for case (.string(let name), let value) in map.entries {
                    enter(value, child.child(name), parent: resource, depth: depth + 1)
                }
            default: continue
            }
        }
    }

    private mutating func addAnchors(_ map: Value.Map, _ place: SchemaPlace, resource: Int) {
        var names: [(keyword: String, name: String, isDynamic: Bool)] = []
        if resources[resource].dialect.draft == .draft2020 {
            for keyword in ["$anchor", "$dynamicAnchor"] {
                guard let value = map[keyword] else { continue }
                guard case .string(let name) = value, Self.isAnchor(name) else {
                    note(
                        .badIdentifier, "must be a letter or _ and then letters, digits, -, _ or .",
                        at: location(place, keyword))
                    continue
                }
                names.append((keyword, name, keyword == "$dynamicAnchor"))
            }
        } else if case .string(let id)? = map["$id"], map["$ref"] == nil {
            // Draft-07 has anchors in the fragment of `$id`.
            if let name = URIReference(id).fragment, !name.isEmpty { names.append(("$id", name, false)) }
        }
        for (keyword, name, isDynamic) in names {
            if let other = resources[resource].anchors[name], other != place {
                note(.badIdentifier, "the anchor \"\(name)\" is given twice", at: location(place, keyword))
            }
            resources[resource].anchors[name] = place
            if isDynamic { resources[resource].dynamicAnchors[name] = place }
        }
    }

    private static func isAnchor(_ name: String) -> Bool {
        guard let first = name.utf8.first, first.isASCIILetter || first == UInt8(ascii: "_") else { return false }
        return name.utf8.allSatisfy { $0.isASCIILetter || $0.isASCIIDigit || "-_.".utf8.contains($0) }
    }

    /// The URI that a schema's `$id` gives it; `nil` when it opens no resource.
    private mutating func identifier(of schema: Value, _ dialect: Dialect, base: URIReference) -> URIReference? {
        guard case .map(let map) = schema, case .string(let id)? = map["$id"] else { return nil }
        let reference = URIReference(id)
        if dialect.draft == .draft7 {
            if map["$ref"] != nil || reference.withoutFragment.text.isEmpty { return nil }
        } else if let fragment = reference.fragment, !fragment.isEmpty {
            note(.badIdentifier, "must not have a fragment; use $anchor", at: base.text + "#/$id")
        }
        return reference.resolved(against: base).withoutFragment
    }

    /// The dialect that `$schema` names.
    private mutating func dialect(of schema: Value, otherwise: Dialect, at place: SchemaPlace) -> Dialect {
        guard case .map(let map) = schema, let value = map["$schema"] else { return otherwise }
        guard case .string(let text) = value else {
            note(.badKeyword, "must be a string", at: location(place, "$schema"))
            return otherwise
        }
        var uri = URIReference(text).withoutFragment.text
        var vocabularies: Value.Map?
        // A meta-schema without `$vocabulary` has the dialect of its own meta-schema; a few steps are plenty.
        for _ in 0..<8 {
            if let known = Dialect.known[uri] {
                return vocabularies.map { dialect(known, with: $0, at: location(place, "$schema")) } ?? known
            }
            guard case .map(let meta)? = options.documents[uri], case .string(let next)? = meta["$schema"] else {
                break
            }
            if vocabularies == nil, case .map(let map)? = meta["$vocabulary"] { vocabularies = map }
            uri = URIReference(next).withoutFragment.text
        }
        let known = "\"https://json-schema.org/draft/2020-12/schema\" or \"http://json-schema.org/draft-07/schema#\""
        note(.unsupportedDialect, "\"\(text)\" is not known; must be \(known)", at: location(place, "$schema"))
        return otherwise
    }

    private mutating func dialect(_ known: Dialect, with map: Value.Map, at location: String) -> Dialect {
        var dialect = Dialect(draft: known.draft, vocabularies: [])
        for case (.string(let uri), let isRequired) in map.entries {
            if let vocabulary = Dialect.vocabulary(uri) {
                dialect.vocabularies.formUnion(vocabulary)
            } else if isRequired == .bool(true) {
                note(.unsupportedDialect, "its vocabulary \"\(uri)\" is required and not known", at: location)
            }
        }
        return dialect
    }
}
