extension SchemaCompiler {
    /// Schemas that apply themselves to the same instance again, whatever it is; validating would never end.
    ///
    /// `$dynamicRef` is left to the depth limit, as its target is known only while validating.
    func endlessReferences(in nodes: [SchemaNode]) -> [SchemaError.Problem] {
        enum Mark { case new, open, done }
        var marks = [Mark](repeating: .new, count: nodes.count)
        let targets = nodes.map { node in node.rules.flatMap(\.check.appliedInPlace) }
        var problems: [SchemaError.Problem] = []
        for start in nodes.indices where marks[start] == .new {
            var path: [(node: Int, next: Int)] = [(start, 0)]
            marks[start] = .open
            while let (node, next) = path.last {
                guard next < targets[node].count else {
                    marks[node] = .done
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let target = targets[node][next]
                switch marks[target] {
                case .new:
                    marks[target] = .open
                    path.append((target, 0))
                case .open:
                    let message = "leads back to itself without going into the instance"
                    problems.append(.init(.endlessReference, message, at: nodes[target].location))
                case .done: continue
                }
            }
        }
        return problems
    }
}

extension SchemaCheck {
    /// The schemas applied to the same instance, under a condition or not.
    fileprivate var appliedInPlace: [Int] {
        switch self {
        case .reference(let schema), .not(let schema): [schema]
        case .allOf(let schemas), .anyOf(let schemas), .oneOf(let schemas): schemas
        case .conditional(let condition, let then, let otherwise): [condition] + [then, otherwise].compactMap { $0 }
        case .dependentSchemas(let schemas): schemas.map(\.schema)
        default: []
        }
    }
}
