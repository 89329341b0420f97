/// What reading a file carries along: errors found so far, origins, and what texts are checked with.
struct Reading {
    let file: String
    let inputs: ConfigurationInputs
    let check: ExpressionCheck
    let alignment: ScalarAlignment
    /// Not yet cleaned of secrets, which the draft does.
    var errors: [ConfigurationError] = []

    mutating func fail(
        _ code: ConfigurationError.Code, _ message: String, at location: SourceLocation, _ path: String,
        accepted: [String] = [], remedy: String? = nil
    ) {
        errors.append(
            ConfigurationError(
                code: code, message: message, location: location, path: path, accepted: accepted, remedy: remedy))
    }

    /// Reports `node` as not being `expected`, once.
    mutating func wrongType(
        _ node: YAMLNode, _ path: String, expected: String, accepted: [String] = [], remedy: String? = nil
    ) {
        if case .unusable = node.content { return }
        fail(
            .wrongType, "expected \(expected), found \(node.kindName)", at: node.location, path, accepted: accepted,
            remedy: remedy)
    }

    /// The scalar that `node` is, or nothing after an error.
    mutating func scalar(_ node: YAMLNode, _ path: String, expected: String) -> YAMLScalar? {
        if case .scalar(let scalar) = node.content, !scalar.isNull { return scalar }
        wrongType(node, path, expected: expected)
        return nil
    }

    /// Compiles `source`, reporting what is wrong at its place inside the scalar.
    mutating func compile(_ scalar: YAMLScalar, _ node: YAMLNode, _ path: String, as use: ExpressionUse) -> Bool {
        guard let problem = check(scalar.text, use) else { return true }
        // The compiler quotes pieces of the text, which no search for the whole secret would find.
        guard !scalar.holdsSecret else {
            fail(.expression, "\(use.name): \(scalar.quoted) does not compile", at: node.location, path)
            return false
        }
        let location = alignment.location(of: problem.offset, in: scalar, at: node.location)
        fail(.expression, "\(use.name): \(problem.message)", at: location, path, accepted: problem.accepted)
        return false
    }
}
