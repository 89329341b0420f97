import Yams

/// Turns YAML text into `YAMLNode`s and collects what is wrong with it.
///
/// Bounded: text, nesting, expanded nodes and repeated keys each have a limit, so that a hostile file costs no more
/// than a large honest one.
struct YAMLReader {
    static let textBytesMax = 8 << 20
    static let nestingMax = 64
    static let nodesMax = 100_000
    static let repeatedKeysMax = 50

    private let file: String
    private var interpolation: Interpolation
    private(set) var origins = Configuration.Origins()
    private(set) var errors: [ConfigurationError] = []
    private var nodesLeft = nodesMax
    /// Past a bound: the rest is not looked at, and the error about it stands alone.
    private var overflowed = false
    /// Keys that were masked so that the parser goes on after a duplicate, by place.
    private var masked: [SourceLocation: String] = [:]

    var secrets: Secrets { interpolation.secrets }

    init(file: String, inputs: ConfigurationInputs) {
        self.file = file
        interpolation = Interpolation(inputs: inputs)
    }

    /// The root of the one document in `text`; `nil` after an error that leaves nothing to read. An empty text is an
    /// empty map.
    mutating func read(_ text: String) -> YAMLNode? {
        let start = SourceLocation(file: file, line: 1, column: 1)
        if text.utf8.count > Self.textBytesMax {
            fail(.tooLarge, "the file has \(text.utf8.count) bytes; \(Self.textBytesMax) is the most", start, "")
            return nil
        }
        if let problem = YAMLGuard.problem(of: text) {
            fail(.tooLarge, problem, start, "", remedy: "write the values out, or nest less")
            return nil
        }
        guard let root = parse(text) else {
            return errors.isEmpty ? YAMLNode(location: start, content: .map([])) : nil
        }
        let converted = convert(root, path: "", depth: 0)
        return overflowed ? nil : converted
    }

    private mutating func fail(
        _ code: ConfigurationError.Code, _ message: String, _ location: SourceLocation, _ path: String,
        remedy: String? = nil
    ) {
        errors.append(
            ConfigurationError(code: code, message: message, location: location, path: path, remedy: remedy))
    }
}

// MARK: Parsing

extension YAMLReader {
    /// Parses, masking one repeated key a time: the parser stops at the first, and all are to be reported.
    private mutating func parse(_ original: String) -> Node? {
        var text = original
        while true {
            do {
                // Scalars are typed here by YAML 1.2's rules; the basic resolver keeps 1.1's out.
                return try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
            } catch YamlError.duplicatedKeysInMapping(let names, let context) {
                let location = SourceLocation(file: file, line: context.mark.line, column: context.mark.column)
                let name = names.first ?? ""
                guard masked.count < Self.repeatedKeysMax, masked[location] == nil,
                    let next = KeyMask.mask(name, at: location, number: masked.count, in: text)
                else {
                    fail(.duplicateKey, "key '\(name)' appears more than once in this map", location, "")
                    return nil
                }
                masked[location] = name
                text = next
            } catch let error as YamlError {
                report(error, in: original)
                return nil
            } catch {
                fail(.syntax, "\(error)", SourceLocation(file: file, line: 1, column: 1), "")
                return nil
            }
        }
    }

    private mutating func report(_ error: YamlError, in text: String) {
        func place(_ mark: Mark) -> SourceLocation {
            SourceLocation(file: file, line: Swift.max(mark.line, 1), column: Swift.max(mark.column, 1))
        }
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let details = context.map { " (\($0.text) that began at line \($0.mark.line))" } ?? ""
            let line =
                text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(place(mark).line - 1).first
                ?? ""
            fail(.syntax, "not YAML: \(problem)\(details)", place(mark), "", remedy: remedy(problem, line: line))
        case .reader(let problem, let offset, let value, _):
            let location = location(after: offset ?? 0, in: text)
            fail(
                .syntax, "not YAML: \(problem) (character \(value))", location, "",
                remedy: "save the file as UTF-8 text")
        default:
            fail(.syntax, "not YAML: \(error)", SourceLocation(file: file, line: 1, column: 1), "")
        }
    }

    private func remedy(_ problem: String, line: Substring) -> String? {
        if problem.contains("did not find expected ','"), line.contains("${") {
            return "inside { } and [ ], quote text that holds ${…}"
        }
        if problem.contains("cannot start any token") { return "indent with spaces and quote text that begins so" }
        if problem.contains("another document") { return "keep one document in the file, without a second '---'" }
        if problem.contains("mapping values are not allowed") { return "quote text that holds ': '" }
        if problem.contains("undefined alias") { return "define the anchor (&name) above its use (*name)" }
        return nil
    }

    private func location(after characters: Int, in text: String) -> SourceLocation {
        var (line, column) = (1, 1)
        for character in text.prefix(characters) {
            if character.isNewline { (line, column) = (line + 1, 1) } else { column += 1 }
        }
        return SourceLocation(file: file, line: line, column: column)
    }
}

// MARK: Conversion

extension YAMLReader {
    private mutating func convert(_ node: Node, path: String, depth: Int) -> YAMLNode {
        let mark = node.mark
        let location = SourceLocation(file: file, line: mark?.line ?? 1, column: mark?.column ?? 1)
        let unusable = YAMLNode(location: location, content: .unusable)
        guard withinBounds(depth: depth, location, path) else { return unusable }
        if let tag = Self.foreignTag(of: node) {
            fail(.badValue, "the tag '\(tag)' has no meaning here", location, path, remedy: "remove it")
            return unusable
        }
        switch node {
        case .scalar(let scalar): return convert(scalar, location, path)
        case .sequence(let sequence):
            origins[path] = .init(location: location)
            var list: [YAMLNode] = []
            for (index, element) in sequence.enumerated() {
                list.append(convert(element, path: "\(path)[\(index)]", depth: depth + 1))
                if overflowed { break }
            }
            return YAMLNode(location: location, content: .list(list))
        case .mapping(let mapping):
            origins[path] = .init(location: location)
            return YAMLNode(location: location, content: .map(entries(of: mapping, path: path, depth: depth)))
        case .alias:
            fail(.syntax, "an alias that nothing defines", location, path)
            return unusable
        }
    }

    /// Counts one more value; `false`, with an error the first time, once the file is past a bound.
    private mutating func withinBounds(depth: Int, _ location: SourceLocation, _ path: String) -> Bool {
        nodesLeft -= 1
        if nodesLeft > 0, depth <= Self.nestingMax { return true }
        if !overflowed {
            let message =
                nodesLeft > 0
                ? "nested deeper than \(Self.nestingMax) levels"
                : "more than \(Self.nodesMax) values after aliases are expanded"
            fail(.tooLarge, message, location, path)
        }
        overflowed = true
        return false
    }

    /// The written tag that is none of YAML's own; ignoring it would lose what `!secret x` was to say.
    private static func foreignTag(of node: Node) -> String? {
        let tag =
            switch node {
            case .scalar(let scalar): "\(scalar.tag)"
            case .sequence(let sequence): "\(sequence.tag)"
            case .mapping(let mapping): "\(mapping.tag)"
            case .alias(let alias): "\(alias.tag)"
            }
        return tag.isEmpty || tag == "!" || tag.hasPrefix("tag:yaml.org,2002:") ? nil : tag
    }

    private mutating func convert(
        _ scalar: Node.Scalar, _ location: SourceLocation, _ path: String
    ) -> YAMLNode {
        let style: YAMLScalar.Style =
            switch scalar.style {
            case .singleQuoted: .singleQuoted
            case .doubleQuoted: .doubleQuoted
            case .literal: .literal
            case .folded: .folded
            default: .plain
            }
        let tagged = "\(scalar.tag)".hasSuffix(":str")
        var result = YAMLScalar(
            text: scalar.string, written: scalar.string, style: style, isText: style != .plain || tagged)
        do {
            let found = try interpolation.apply(to: scalar.string)
            result.text = found.text
            result.holdsSecret = found.holdsSecret
            result.isText = result.isText || found.holdsSecret
        } catch {
            fail(.undefined, error.message, location, path, remedy: error.remedy)
            return YAMLNode(location: location, content: .unusable)
        }
        origins[path] = .init(
            location: location, isSecret: result.holdsSecret, isInterpolated: result.isInterpolated)
        return YAMLNode(location: location, content: .scalar(result))
    }

    private mutating func entries(of mapping: Node.Mapping, path: String, depth: Int) -> [YAMLEntry] {
        var entries: [YAMLEntry] = []
        var first: [String: SourceLocation] = [:]
        var merges: [Node] = []
        for (keyNode, valueNode) in mapping {
            if overflowed { break }
            let mark = keyNode.mark
            let location = SourceLocation(file: file, line: mark?.line ?? 1, column: mark?.column ?? 1)
            guard case .scalar(let scalar) = keyNode else {
                fail(.wrongType, "a key must be text, not a list or a map", location, path)
                continue
            }
            let key = masked[location] ?? scalar.string
            if key == "<<", scalar.style == .plain {
                merges.append(valueNode)
                continue
            }
            let keyPath = path.appendingKey(key)
            if let earlier = first[key] {
                fail(
                    .duplicateKey, "key '\(key)' appears more than once in this map (first at line \(earlier.line))",
                    location, keyPath, remedy: "keep one of them")
                continue
            }
            first[key] = location
            let value = convert(valueNode, path: keyPath, depth: depth + 1)
            entries.append(YAMLEntry(key: key, keyLocation: location, value: value))
        }
        for merge in merges { self.merge(merge, into: &entries, path: path, depth: depth) }
        return entries
    }

    /// `<<: *base` or `<<: [*a, *b]`: what is written wins over what is merged, earlier over later.
    private mutating func merge(_ node: Node, into entries: inout [YAMLEntry], path: String, depth: Int) {
        let bases: [Node] = if case .sequence(let list) = node { Array(list) } else { [node] }
        for base in bases where !overflowed {
            let location = SourceLocation(file: file, line: base.mark?.line ?? 1, column: base.mark?.column ?? 1)
            guard case .mapping(let mapping) = base else {
                fail(.wrongType, "'<<' takes a map or a list of maps", location, path)
                continue
            }
            guard withinBounds(depth: depth + 1, location, path) else { return }
            let written = Set(entries.map(\.key))
            let kept = mapping.filter { key, _ in key.scalar.map { !written.contains($0.string) } ?? true }
            entries += self.entries(of: Node.Mapping(kept.map { ($0.key, $0.value) }), path: path, depth: depth + 1)
        }
    }
}

extension String {
    /// The path of `key` below this one.
    func appendingKey(_ key: String) -> String {
        let isPlain =
            !key.isEmpty
            && key.unicodeScalars.allSatisfy {
                $0.properties.isAlphabetic || ("0"..."9").contains($0) || "_-".unicodeScalars.contains($0)
            }
        if !isPlain { return "\(self)[\"\(key)\"]" }
        return isEmpty ? key : "\(self).\(key)"
    }
}
