import PatchbayEvents

/// A resolved expression: names have become slots and indices, macros loops, constant parts values.
final class Node: Sendable {
    let kind: Kind
    /// Bytes of UTF-8 in the source.
    let range: Range<Int>
    let position: SourcePosition
    let type: ExpressionType
    /// Nodes in the tree, as a measure of what one evaluation costs.
    let size: Int
    /// Whether any part comes from the event.
    let readsEvent: Bool
    let readsVariables: Bool
    /// The lowest local variable that is read but not bound inside; `Int.max` for none.
    let lowestLocal: Int

    indirect enum Kind: Sendable {
        case constant(Value)
        /// A field of the event, with its path as it is written, such as `event.data.amount`.
        case slot(Int, path: String)
        case slotPresence(Int)
        case slotOptional(Int)
        case variable(Int)
        case local(Int, readsEvent: Bool)
        case and([Node])
        case or([Node])
        case not(Node)
        case conditional(Node, Node, Node)
        case compare(Relation, Node, Node)
        case call(Function, [Node])
        case matches(Node, RegularExpression)
        case select(Node, String)
        case presence(Node, String)
        case optionalSelect(Node, String)
        case index(Node, Node)
        case optionalIndex(Node, Node)
        case list([Element])
        case map([Entry])
        case comprehension(Comprehension)
        /// Evaluates the first into the local, then the second.
        case bind(local: Int, Node, Node)
        /// `optMap` and `optFlatMap`: the optional, and what becomes of its value.
        case optionalMap(local: Int, Node, Node, isFlat: Bool)
        /// Fails whenever it is evaluated.
        case failure(EvaluationError)
    }

    enum Relation: UInt8, Sendable { case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual }

    struct Element: Sendable {
        let value: Node
        let isOptional: Bool
    }

    struct Entry: Sendable {
        let key: Node
        let value: Node
        let isOptional: Bool
    }

    struct Comprehension: Sendable {
        enum Outcome: Sendable { case all, exists, existsOne, list, sorted, map, mapEntries }

        let outcome: Outcome
        let range: Node
        /// The first variable; with two, the second is the next local.
        let local: Int
        let hasTwoVariables: Bool
        let predicate: Node?
        let transform: Node?
    }

    init(_ kind: Kind, type: ExpressionType, range: Range<Int>, position: SourcePosition) {
        self.kind = kind
        self.type = type
        self.range = range
        self.position = position
        let children = kind.children
        size = 1 + children.reduce(0) { $0 + $1.size }
        var lowest = children.map(\.lowestLocal).min() ?? .max
        var readsEvent = children.contains { $0.readsEvent }
        var readsVariables = children.contains { $0.readsVariables }
        switch kind {
        case .slot, .slotPresence, .slotOptional: readsEvent = true
        case .variable: readsVariables = true
        case .local(let index, let fromEvent):
            lowest = index
            readsEvent = fromEvent
        // A failure must not be folded away.
        case .failure: readsVariables = true
        case .comprehension(let loop): lowest = Self.lowest(lowest, outside: loop.local, of: loop.range)
        case .bind(let local, let bound, _), .optionalMap(let local, let bound, _, _):
            lowest = Self.lowest(lowest, outside: local, of: bound)
        default: break
        }
        self.readsEvent = readsEvent
        self.readsVariables = readsVariables
        lowestLocal = lowest
    }

    /// Locals from `bound` on are the node's own, save in `outer`, which cannot see them.
    private static func lowest(_ lowest: Int, outside bound: Int, of outer: Node) -> Int {
        min(lowest < bound ? lowest : .max, outer.lowestLocal)
    }

    /// Whether every evaluation gives the same.
    var isClosed: Bool { !readsEvent && !readsVariables && lowestLocal == .max }

    var constant: Value? {
        guard case .constant(let value) = kind else { return nil }
        return value
    }
}

extension Node.Kind {
    var children: [Node] {
        switch self {
        case .constant, .slot, .slotPresence, .slotOptional, .variable, .local, .failure: []
        case .and(let nodes), .or(let nodes), .call(_, let nodes): nodes
        case .not(let node), .matches(let node, _), .select(let node, _), .presence(let node, _),
            .optionalSelect(let node, _):
            [node]
        case .conditional(let condition, let first, let second): [condition, first, second]
        case .compare(_, let left, let right), .index(let left, let right), .optionalIndex(let left, let right):
            [left, right]
        case .list(let elements): elements.map(\.value)
        case .map(let entries): entries.flatMap { [$0.key, $0.value] }
        case .comprehension(let loop): [loop.range] + [loop.predicate, loop.transform].compactMap { $0 }
        case .bind(_, let bound, let body), .optionalMap(_, let bound, let body, _): [bound, body]
        }
    }
}
