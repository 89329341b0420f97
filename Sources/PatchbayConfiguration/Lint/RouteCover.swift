import PatchbayExpressions
import PatchbayRouting

/// What an event has to have for a route to match it, as far as that can be compared between routes.
struct RouteCover {
    private let type: TypePattern?
    /// Conditions of which each has to hold, as text that is the same for the same condition.
    private var conditions: Set<String> = []
    /// The one type that an `exact` filter or a condition leaves.
    private var exactType: String?
    /// Attributes with what they have to be.
    private var exact: [String: String] = [:]
    /// Why no event matches the route; `nil` where one may.
    private(set) var neverMatches: String?

    init(_ route: Configuration.Route) {
        type = Self.pattern(route.type)
        if let type, !type.text.contains("*") { exactType = type.text }
        add(route.match)
        for filter in route.filters { add(filter) }
        // What its choices leave is for other routes.
        if route.to.allSatisfy(\.mayChooseNobody) { conditions.insert("choices of \(route.name)") }
    }

    /// `nil` for what is no pattern, which a valid configuration does not hold.
    private static func pattern(_ text: String) -> TypePattern? {
        do {
            return try TypePattern(text)
        } catch {
            return nil
        }
    }

    /// Whether every event that matches `other` matches this one: all that this asks for, the other asks for, too.
    func covers(_ other: RouteCover) -> Bool {
        guard let type, let otherType = other.type else { return false }
        let coversType = type.covers(otherType) || other.exactType.map { type.matches($0) } ?? false
        return coversType && conditions.allSatisfy(other.implies)
    }

    private func implies(_ condition: String) -> Bool {
        if conditions.contains(condition) { return true }
        if let exactType, condition == Self.typeIs(exactType) { return true }
        return exact.contains { attribute, text in
            guard let rest = condition.after("prefix \(attribute)=") else {
                return condition.after("suffix \(attribute)=").map(text.hasSuffix) ?? false
            }
            return text.hasPrefix(rest)
        }
    }

    private static func typeIs(_ text: String) -> String { "exact type=\(text)" }

    private mutating func add(_ source: ExpressionSource) {
        guard !source.isEmpty else { return }
        for conjunct in Self.conjuncts(of: source.text).map(\.trimmed) where conjunct != "true" {
            if conjunct == "false" { neverMatches = "its condition is false for every event" }
            if let text = conjunct.typeComparedWith {
                add(exactType: text)
            } else {
                conditions.insert("cel \(conjunct)")
            }
        }
    }

    private static func conjuncts(of text: String) -> [String] {
        do {
            return try ExpressionOutline(text).conjuncts
        } catch {
            return [text]
        }
    }

    private mutating func add(exactType text: String) {
        if let exactType, exactType != text {
            neverMatches = "an event's type cannot be both '\(exactType)' and '\(text)'"
        } else if let type, !type.matches(text) {
            neverMatches = "the type '\(text)' does not match its pattern '\(type.text)'"
        }
        exactType = text
        conditions.insert(Self.typeIs(text))
    }

    private mutating func add(_ filter: Configuration.Filter) {
        switch filter {
        case .all(let filters): for filter in filters { add(filter) }
        case .cel(let source): add(source)
        case .exact(let attributes):
            for attribute in attributes {
                exact[attribute.attribute] = attribute.text
                if attribute.attribute == "type" {
                    add(exactType: attribute.text)
                } else {
                    conditions.insert("exact \(attribute.attribute)=\(attribute.text)")
                }
            }
        case .prefix(let attributes):
            for attribute in attributes { conditions.insert("prefix \(attribute.attribute)=\(attribute.text)") }
        case .suffix(let attributes):
            for attribute in attributes { conditions.insert("suffix \(attribute.attribute)=\(attribute.text)") }
        case .any, .not, .cesql:
            conditions.insert("filter \(Format<Configuration.Filter>.filter.show(filter)?.json ?? "")")
        }
    }
}

extension String {
    /// The text of `event.type == 'text'`; `nil` for any other condition.
    fileprivate var typeComparedWith: String? {
        guard let rest = after("event.type")?.trimmed.after("==")?.trimmed, let quote = rest.first,
            quote == "'" || quote == "\"", rest.count > 2, rest.last == quote
        else { return nil }
        let text = rest.dropFirst().dropLast()
        return text.contains(where: { "'\"\\".contains($0) }) ? nil : String(text)
    }

    fileprivate func after(_ prefix: String) -> String? { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil }

    fileprivate var trimmed: String {
        String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
