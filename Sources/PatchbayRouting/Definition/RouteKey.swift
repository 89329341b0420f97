import PatchbayEvents
package import PatchbayExpressions

/// What events are ordered, chosen or limited by: CEL over `event`, a list joins.
///
/// An event has no key when the expression fails (such as for a field that is not there), or gives null or an empty
/// text. Keys that are fields alone, the usual case, are read without evaluating anything; an object or array is then
/// compared by its JSON text.
package struct RouteKey: Sendable {
    /// As written.
    package let text: String
    let expression: Expression
    /// Slots whose fields are joined; empty when the key has to be computed.
    let fields: [Int32]

    /// - Parameter environment: its plan receives the slots that are read.
    /// - Throws: the first mistake in the expression.
    package init(_ text: String, in environment: ExpressionEnvironment) throws(ExpressionError) {
        self.text = text
        expression = try Expression(text, in: environment)
        if let plan = environment.eventPlan, let paths = RouteKey.paths(text) {
            fields = paths.map { Int32(plan.slot(of: $0)) }
        } else {
            fields = []
        }
    }

    /// The key's value for reports; `nil` when the event has none.
    func value(_ slots: FieldSlots) -> Value? {
        do {
            return try expression.evaluate(slots)
        } catch {
            return nil
        }
    }

    /// The paths of `event.a.b` or `[event.a, event.b]`; `nil` for anything else.
    private static func paths(_ text: String) -> [[String]]? {
        var text = text.filter { !$0.isWhitespace }[...]
        if text.first == "[", text.last == "]" { text = text.dropFirst().dropLast() }
        let paths = text.split(separator: ",", omittingEmptySubsequences: false).map(path)
        return paths.contains(nil) ? nil : paths.compactMap(\.self)
    }

    private static func path(_ text: Substring) -> [String]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count > 1, parts[0] == "event", parts.allSatisfy(isName) else { return nil }
        let isAttribute = parts.count == 2 && parts[1] != "data" && !parts[1].contains("_")
        return isAttribute || (parts[1] == "data" && parts.count > 2) ? Array(parts.dropFirst()) : nil
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
    }
}
