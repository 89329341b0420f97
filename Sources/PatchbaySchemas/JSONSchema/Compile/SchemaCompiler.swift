import PatchbayEvents
import PatchbayExpressions

/// Turns a schema and what it refers to into nodes. Used once, by one thread.
struct SchemaCompiler {
    let options: JSONSchema.Options
    var resources: SchemaResources
    var nodes: [SchemaNode] = []
    private(set) var problems: [SchemaError.Problem] = []
    private var indices: [SchemaPlace: Int] = [:]
    private var pending: [(place: SchemaPlace, node: Int)] = []
    /// How many of `pending` are compiled; outer schemas come first.
    private var done = 0
    private var patterns: [String: SchemaPattern] = [:]

    init(options: JSONSchema.Options) {
        self.options = options
        resources = SchemaResources(options: options)
    }

    mutating func compile(_ schema: Value) throws(SchemaError) -> JSONSchema {
        let place = resources.add(schema, uri: options.baseURI)
        // What is too deep was not looked at to the end.
        if let problem = resources.problems.first(where: { $0.code == .tooDeep }) { throw SchemaError(first: problem) }
        let root = node(at: place)
        compilePending()
        // Which of them a `$dynamicRef` means is known only while validating.
        var dynamicAnchors: [[String: Int]] = []
        while dynamicAnchors.count < resources.resources.count {
            let anchors = resources.resources[dynamicAnchors.count].dynamicAnchors
            dynamicAnchors.append(anchors.mapValues { node(at: $0) })
            compilePending()
        }
        let all = resources.problems + problems
        if let first = all.first { throw SchemaError(first: first, others: Array(all.dropFirst())) }
        let endless = endlessReferences(in: nodes)
        if let first = endless.first { throw SchemaError(first: first, others: Array(endless.dropFirst())) }
        return JSONSchema(nodes: nodes, dynamicAnchors: dynamicAnchors, root: root, limits: options.limits)
    }

    /// The node of a place, compiled later when it is new; so cycles end.
    mutating func node(at place: SchemaPlace) -> Int {
        if let known = indices[place] { return known }
        let value = resources.value(at: place) ?? .bool(true)
        let owner = resources.owner(of: place, value)
        let index = nodes.count
        nodes.append(SchemaNode(location: resources.resources[owner].location(of: place), resource: owner))
        indices[place] = index
        pending.append((place, index))
        return index
    }

    mutating func note(_ code: SchemaError.Code, _ message: String, at location: String) {
        problems.append(.init(code, message, at: location))
    }

    private mutating func compilePending() {
        while done < pending.count {
            let (place, index) = pending[done]
            done += 1
            guard let value = resources.value(at: place) else { continue }
            let dialect = resources.resources[nodes[index].resource].dialect
            switch value {
            case .bool(let constant): nodes[index].constant = constant
            case .map(let map):
                var body = KeywordReader(map: map, place: place, location: nodes[index].location, dialect: dialect)
                compile(&body, into: index)
                problems += body.problems
            default: note(.badKeyword, "must be a schema: an object or a boolean", at: nodes[index].location)
            }
        }
    }

    private mutating func compile(_ body: inout KeywordReader, into index: Int) {
        nodes[index].hidesValue = body.map["writeOnly"] == .bool(true)
        nodes[index].defaultValue = body.map["default"]
        if let reference = body.string("$ref") {
            add("$ref", reference: reference, body, into: index)
            // Draft-07: everything beside `$ref` is ignored.
            if body.dialect.draft == .draft7 { return }
        }
        if body.dialect.draft == .draft2020, let reference = body.string("$dynamicRef") {
            addDynamic(reference, body, into: index)
        }
        let vocabularies = body.dialect.vocabularies
        if vocabularies.contains(.validation) {
            addTypes(&body, into: index)
            addBounds(&body, into: index)
            addNames(&body, into: index)
        }
        addFormat(&body, into: index)
        if vocabularies.contains(.applicator) {
            addStructure(&body, into: index)
            addInPlace(&body, into: index)
        }
        if vocabularies.contains(.unevaluated) {
            addUnevaluated(&body, into: index)
        }
        compileDefinitions(&body)
    }

    mutating func add(_ keyword: String, _ check: SchemaCheck, into index: Int) {
        nodes[index].rules.append(SchemaRule(keyword: keyword, check: check))
    }

    private mutating func add(_ keyword: String, reference: String, _ body: KeywordReader, into index: Int) {
        let location = body.location(of: keyword)
        guard let place = resources.resolve(reference, from: nodes[index].resource, at: location) else { return }
        add(keyword, .reference(node(at: place)), into: index)
    }

    private mutating func addDynamic(_ reference: String, _ body: KeywordReader, into index: Int) {
        let location = body.location(of: "$dynamicRef")
        guard let place = resources.resolve(reference, from: nodes[index].resource, at: location) else { return }
        let target = node(at: place)
        // Only when the first target is itself a dynamic anchor of that name does the scope count (Core, 8.2.3.2).
        let anchor = URIReference(reference).decodedFragment ?? ""
        if resources.resources[nodes[target].resource].dynamicAnchors[anchor] == place {
            add("$dynamicRef", .dynamicReference(anchor: anchor, otherwise: target), into: index)
        } else {
            add("$dynamicRef", .reference(target), into: index)
        }
    }

    /// A pattern in the host's dialect; each is compiled once.
    mutating func pattern(_ source: String, at location: String) -> SchemaPattern? {
        if let known = patterns[source], known.source.isIdenticalUTF8(to: source) { return known }
        do {
            let pattern = try SchemaPattern(source: source)
            patterns[source] = pattern
            return pattern
        } catch {
            note(.badPattern, "\"\(source)\" \(error.reason)", at: location)
            return nil
        }
    }
}
