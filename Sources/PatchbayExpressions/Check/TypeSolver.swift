/// Which types fit which others, and what the unknown ones among them turn out to be.
///
/// - Source: the CEL language definition, "Gradual Type Checking"; where it leaves open how unknown types are bound,
///   the rules of its Go implementation: an unknown type becomes the most general of those that it has to fit.
struct TypeSolver {
    private var bindings: [ExpressionType?] = []
    /// Bindings that a failed attempt takes back.
    private var trail: [(index: Int, before: ExpressionType?)] = []

    mutating func unknown() -> ExpressionType {
        bindings.append(nil)
        return .unknown(bindings.count - 1)
    }

    /// What an unknown type is bound to, if it is; only the outermost type is looked at.
    func bound(_ type: ExpressionType) -> ExpressionType {
        var type = type
        while case .unknown(let index) = type, let binding = bindings[index] { type = binding }
        return type
    }

    /// The type with everything filled in that is known by now.
    func resolved(_ type: ExpressionType) -> ExpressionType {
        let type = bound(type)
        return type.with(type.parts.map(resolved))
    }

    /// The same, and `dyn` for what has stayed unknown.
    func final(_ type: ExpressionType) -> ExpressionType {
        let type = bound(type)
        if case .unknown = type { return .dyn }
        return type.with(type.parts.map(final))
    }

    /// A type that can be looked into: an unknown one is `dyn` from here on.
    mutating func known(_ type: ExpressionType) -> ExpressionType {
        let type = bound(type)
        guard case .unknown(let index) = type else { return type }
        bind(index, .dyn)
        return .dyn
    }

    /// Whether values of these types can stand where those are asked for; binds unknown types only if all can.
    mutating func assign(_ types: [ExpressionType], to wanted: [ExpressionType]) -> Bool {
        guard types.count == wanted.count else { return false }
        let start = trail.count
        for (type, want) in zip(types, wanted) where !fits(type, want) {
            while trail.count > start, let change = trail.popLast() { bindings[change.index] = change.before }
            return false
        }
        trail.removeLast(trail.count - start)
        return true
    }

    mutating func assign(_ type: ExpressionType, to wanted: ExpressionType) -> Bool { assign([type], to: [wanted]) }

    /// The type of values that are of either type; `nil` when they have nothing in common.
    mutating func join(_ a: ExpressionType, _ b: ExpressionType) -> ExpressionType? {
        guard assign(a, to: b) else { return nil }
        return mostGeneral(a, b)
    }

    /// Whether `==` can ever hold: the types fit, or are numbers of any two types, or are made of such.
    mutating func areComparable(_ a: ExpressionType, _ b: ExpressionType) -> Bool {
        if assign(a, to: b) { return true }
        let (a, b) = (bound(a), bound(b))
        if a.isNumeric && b.isNumeric { return true }
        switch (a, b) {
        case (.list, .list), (.map, .map):
            for (left, right) in zip(a.parts, b.parts) where !areComparable(left, right) { return false }
            return true
        default: return false
        }
    }

    // MARK: - Rules

    private mutating func fits(_ a: ExpressionType, _ b: ExpressionType) -> Bool {
        if case .unknown(let index) = b {
            switch substitute(a, for: index) {
            case .fits: return true
            case .differs: return false
            case .occurs: break
            }
        }
        if case .unknown(let index) = a { return substitute(b, for: index) == .fits }
        switch (a, b) {
        case (.dyn, _), (_, .dyn): return true
        case (.null, _): return b.isNullable
        case (_, .null): return a.isNullable
        case (.wrapper(let a), .wrapper(let b)): return a == b
        case (.wrapper(let inner), _): return inner == b
        case (_, .wrapper(let inner)): return inner == a
        case (.list(let a), .list(let b)): return fits(a, b)
        case (.map(let aKey, let aValue), .map(let bKey, let bValue)): return fits(aKey, bKey) && fits(aValue, bValue)
        case (.abstract(let aName, let a), .abstract(let bName, let b)):
            guard aName == bName, a.count == b.count else { return false }
            for (left, right) in zip(a, b) where !fits(left, right) { return false }
            return true
        default: return a == b
        }
    }

    private enum Substitution { case fits, differs, occurs }

    private mutating func substitute(_ type: ExpressionType, for index: Int) -> Substitution {
        if type == .unknown(index) { return .fits }
        guard let before = bindings[index] else {
            guard !occurs(index, in: type) else { return .occurs }
            bind(index, type)
            return .fits
        }
        if type == before { return .fits }
        guard fits(type, before) else { return .differs }
        let general = mostGeneral(type, before)
        if !occurs(index, in: general) { bind(index, general) }
        return .fits
    }

    private mutating func bind(_ index: Int, _ type: ExpressionType) {
        trail.append((index, bindings[index]))
        bindings[index] = type
    }

    private func occurs(_ index: Int, in type: ExpressionType) -> Bool {
        if case .unknown(let other) = type {
            return other == index || (bindings[other].map { occurs(index, in: $0) } ?? false)
        }
        return type.parts.contains { occurs(index, in: $0) }
    }

    /// Of two types that fit each other.
    private func mostGeneral(_ a: ExpressionType, _ b: ExpressionType) -> ExpressionType {
        if case .null = b { return a }
        return isNoLessGeneral(a, b) ? a : b
    }

    private func isNoLessGeneral(_ a: ExpressionType, _ b: ExpressionType) -> Bool {
        switch (a, b) {
        case (.dyn, _), (.unknown, _): true
        case (_, .dyn), (_, .unknown): false
        case (.wrapper(let inner), _) where inner == b: true
        case (.list(let a), .list(let b)): isNoLessGeneral(a, b)
        case (.map(let aKey, let aValue), .map(let bKey, let bValue)):
            isNoLessGeneral(aKey, bKey) && isNoLessGeneral(aValue, bValue)
        case (.abstract(let aName, let a), .abstract(let bName, let b)):
            aName == bName && a.count == b.count && zip(a, b).allSatisfy(isNoLessGeneral)
        default: a == b
        }
    }
}
