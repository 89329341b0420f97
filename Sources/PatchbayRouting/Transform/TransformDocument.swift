import PatchbayEvents

/// An event's JSON while it is transformed.
struct TransformDocument {
    private var tree: JSONTree
    /// Changed since it was last decoded.
    var isChanged = true

    /// - Parameter json: one valid CloudEvent.
    init(_ json: [UInt8]) { tree = .text(json) }

    /// The event as it is now.
    var json: [UInt8] { tree.bytes }

    /// The value there; `nil` when there is nothing.
    func value(at path: TransformPath) throws(TransformProblem) -> JSONTree? {
        try checkData(path)
        let value = tree.value(at: path.members)
        return value.flatMap { path.steps.isEmpty && $0.isNull ? nil : $0 }
    }

    /// Gives the place a value; null takes an attribute away.
    mutating func set(_ path: TransformPath, to value: JSONTree) throws(TransformProblem) {
        isChanged = true
        let isAttribute = path.attribute != "data"
        if isAttribute, value.isNull { return try remove(path) }
        if isAttribute, !value.isScalar { throw TransformProblem("an attribute is a text, a number or a boolean") }
        if !isAttribute, path.steps.isEmpty { takeData() }
        try checkData(path)
        do {
            try tree.set(path.members, to: value)
        } catch {
            let around = path.members.prefix(error.depth).map { step in
                if case .member(let name) = step { name } else { "" }
            }
            throw TransformProblem("\(around.joined(separator: ".")) is \(error.kind), not an object")
        }
        if !isAttribute { declareJSON() }
    }

    /// Takes away what is there, if anything.
    mutating func remove(_ path: TransformPath) throws(TransformProblem) {
        isChanged = true
        if path.attribute == "data", path.steps.isEmpty { return takeData() }
        try checkData(path)
        tree.replace(path.members, with: nil)
    }

    /// Hides what is there, if anything.
    mutating func redact(_ path: TransformPath, mark: JSONTree) throws(TransformProblem) {
        isChanged = true
        if path.attribute == "data", path.steps.isEmpty {
            let names = ["data", "data_base64"]
            guard names.contains(where: { tree.value(at: [.member($0)]).map { !$0.isNull } ?? false }) else { return }
            return try set(path, to: mark)
        }
        try checkData(path)
        tree.replace(path.members, with: mark)
    }

    private mutating func takeData() {
        tree.replace([.member("data")], with: nil)
        tree.replace([.member("data_base64")], with: nil)
    }

    /// What is not JSON has no inside: leaving it as it is would let through what was to be changed or hidden.
    private func checkData(_ path: TransformPath) throws(TransformProblem) {
        guard path.attribute == "data" else { return }
        let isBinary = tree.value(at: [.member("data_base64")]).map { !$0.isNull } ?? false
        let hasData = tree.value(at: [.member("data")]) != nil
        if isBinary || (hasData && !declaresJSON) { throw TransformProblem("the event's data is not JSON") }
    }

    private var declaresJSON: Bool {
        tree.value(at: [.member("datacontenttype")])?.string.map(Event.isJSON(contentType:)) ?? true
    }

    private mutating func declareJSON() {
        guard !declaresJSON else { return }
        tree.replace([.member("datacontenttype")], with: .text(Value.string("application/json").json))
    }
}

/// Why a step cannot be done.
struct TransformProblem: Error {
    let message: String
    init(_ message: String) { self.message = message }
}

extension TransformPath {
    /// From the event's top.
    var members: ArraySlice<Step> { [.member(attribute)] + steps[...] }
}
