/// A place in an event: a context attribute, `data`, or what is inside of `data`.
///
/// Written as in CEL without `event`: `subject`, `data.customer.id`, `data['a key']`; `[*]` is every element of a list.
package struct TransformPath: Sendable, Hashable {
    enum Step: Sendable, Hashable {
        case member(String)
        /// Every element of a list.
        case every
    }

    /// What is to be done there.
    package enum Use: Sendable {
        /// To give it a value.
        case write
        /// To take it away, or to hide it.
        case remove
        case hide
        /// To read it, and to take it away.
        case move
    }

    /// As written.
    package let text: String
    /// The attribute, or `data`.
    let attribute: String
    /// Inside of `data`.
    let steps: [Step]

    /// More than any event nests.
    private static let stepsMax = 64
    /// Deliveries and their idempotency keys are known by them.
    private static let identity = ["id", "source", "specversion"]
    private static let formal = ["type", "time", "datacontenttype", "dataschema"]

    /// Why `text` is no path for this use; `nil` when it is.
    package static func problem(of text: String, for use: Use) -> String? {
        guard let path = TransformPath(text) else {
            return "it is not written as subject, data.customer.id or data['a key']"
        }
        if path.steps.count > stepsMax { return "it is deeper than \(stepsMax) levels" }
        if identity.contains(path.attribute) {
            return "an event keeps its \(path.attribute), which its delivery is known by"
        }
        switch use {
        case .write: return path.steps.contains(.every) ? "one value has one place, so '[*]' has no meaning here" : nil
        case .move:
            if path.steps.contains(.every) { return "one value has one place, so '[*]' has no meaning here" }
            return path.attribute == "type" ? "an event always has a type: set it instead" : nil
        case .remove: return path.attribute == "type" ? "an event always has a type" : nil
        case .hide:
            return formal.contains(path.attribute) ? "the form of \(path.attribute) is fixed: set it instead" : nil
        }
    }

    /// `nil` for what is not written as one.
    package init?(_ text: String) {
        self.text = text
        var rest = text[...]
        guard let name = Self.name(&rest), name.utf8.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) })
        else { return nil }
        attribute = name
        var steps: [Step] = []
        while let next = rest.first {
            rest = rest.dropFirst()
            if next == ".", let name = Self.name(&rest) {
                steps.append(.member(name))
            } else if next == "[", rest.hasPrefix("*]") {
                rest = rest.dropFirst(2)
                steps.append(.every)
            } else if next == "[", let name = Self.quoted(&rest) {
                steps.append(.member(name))
            } else {
                return nil
            }
        }
        self.steps = steps
        if !steps.isEmpty, attribute != "data" { return nil }
    }

    private static func name(_ rest: inout Substring) -> String? {
        let name = rest.prefix { $0 == "_" || $0 == "-" || $0.isLetter || ($0.isASCII && $0.isNumber) }
        rest = rest.dropFirst(name.count)
        return name.isEmpty ? nil : String(name)
    }

    /// `'a key']`, in either quote.
    private static func quoted(_ rest: inout Substring) -> String? {
        guard let quote = rest.first, quote == "'" || quote == "\"" else { return nil }
        let name = rest.dropFirst().prefix { $0 != quote }
        let behind = rest.dropFirst(name.count + 1)
        guard behind.hasPrefix("\(quote)]"), !name.isEmpty else { return nil }
        rest = behind.dropFirst(2)
        return String(name)
    }

    /// Whether what is at `other`, written as `data.a.b` with or without `event.`, is in or around this place.
    func overlaps(_ other: String) -> Bool {
        let text = other.hasPrefix("event.") ? String(other.dropFirst(6)) : other
        guard let path = TransformPath(text.replacing("?", with: "")) else { return false }
        guard path.attribute == attribute else { return false }
        return zip(steps, path.steps).allSatisfy { $0 == .every || $1 == .every || $0 == $1 }
    }
}
