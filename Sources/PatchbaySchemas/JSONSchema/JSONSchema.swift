package import PatchbayEvents

/// A JSON Schema, compiled once and then applied to any number of instances from any thread.
///
/// - Shape: draft 2020-12 unless `$schema` says draft-07. `format` and `content…` are annotations unless asked
///   otherwise. Patterns are ECMA-262 as far as it can be matched in linear time.
/// - Source: JSON Schema 2020-12 Core and Validation; draft-07.
package struct JSONSchema: Sendable {
    /// What a schema is compiled with.
    package struct Options: Sendable {
        /// The URI that relative identifiers and references of the schema are resolved against.
        package var baseURI = ""
        /// Documents that references may name, by URI without fragment. Nothing is ever fetched.
        package var documents: [String: Value] = [:]
        /// Whether `format` decides; formats that are not known never do.
        package var assertsFormat = false
        package var limits = Limits()

        package init() {}
    }

    /// What one compilation or validation may take at most.
    package struct Limits: Sendable {
        /// How deep schemas may be nested in each other while compiling and while validating. A level takes about
        /// 1.5 KiB of the thread's stack, 6 KiB in a debug build.
        package var depthMax = 300
        /// Keywords applied and values visited in one validation.
        package var stepsMax = 10_000_000
        /// Violations reported; the rest is counted in one more.
        package var violationsMax = 100

        package init() {}
    }

    let nodes: [SchemaNode]
    /// By resource: the node of each of its dynamic anchors.
    let dynamicAnchors: [[String: Int]]
    let root: Int
    let limits: Limits

    /// - Errors: everything that is wrong with the schema, together.
    package init(compiling schema: Value, options: Options = Options()) throws(SchemaError) {
        var compiler = SchemaCompiler(options: options)
        self = try compiler.compile(schema)
    }

    init(nodes: [SchemaNode], dynamicAnchors: [[String: Int]], root: Int, limits: Limits) {
        self.nodes = nodes
        self.dynamicAnchors = dynamicAnchors
        self.root = root
        self.limits = limits
    }

    /// All violations in the order of the schema; empty when the instance is valid.
    ///
    /// - Parameter redacted: JSON pointers of instance values that messages must not show.
    package func validate(_ instance: Value, redacting redacted: Set<String> = []) -> [Violation] {
        var evaluation = Evaluation(schema: self, redacted: redacted)
        return evaluation.violations(of: instance)
    }

    /// Whether the instance is valid; quicker than asking for the violations.
    package func isValid(_ instance: Value) -> Bool {
        var evaluation = Evaluation(schema: self, redacted: [], isQuiet: true)
        return evaluation.violations(of: instance).isEmpty
    }

    /// The instance with every absent property that has a `default`, nested ones included.
    ///
    /// What applies without a condition counts: `properties`, `items`, `prefixItems`, `$ref` and `allOf`; of several
    /// defaults for one property the first does. A default is not filled into itself again.
    package func fillingDefaults(in instance: Value) -> Value {
        var filling = DefaultsFilling(schema: self)
        return filling.filling(instance, by: root, inside: [], depth: 0)
    }
}
