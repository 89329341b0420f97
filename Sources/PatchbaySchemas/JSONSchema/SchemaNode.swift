import PatchbayEvents

/// One compiled schema; its subschemas are indices into the same list of nodes.
struct SchemaNode: Sendable {
    /// For violations: `#/properties/port`, after the resource's URI when it has one.
    let location: String
    /// Which resource the schema belongs to; resources entered are the dynamic scope of `$dynamicRef`.
    let resource: Int
    /// Set for the schemas `true` and `false`.
    var constant: Bool?
    /// In the order of application: what reads the others' annotations comes last.
    var rules: [SchemaRule] = []
    /// Whether a rule needs to know which properties or items others have evaluated.
    var readsEvaluated = false
    /// `writeOnly`: messages do not show the value.
    var hidesValue = false
    var defaultValue: Value?

    init(location: String, resource: Int) {
        self.location = location
        self.resource = resource
    }
}

struct SchemaRule: Sendable {
    let keyword: String
    let check: SchemaCheck
}

/// What one keyword, or several that only make sense together, demand of an instance.
enum SchemaCheck: Sendable {
    // In place: applied to the same instance.
    case reference(Int)
    case dynamicReference(anchor: String, otherwise: Int)
    case allOf([Int])
    case anyOf([Int])
    case oneOf([Int])
    case not(Int)
    case conditional(if: Int, then: Int?, else: Int?)
    case dependentSchemas([(name: String, schema: Int)])

    // Any type.
    case type(JSONTypes)
    case enumeration([Value], Set<Value>)
    case constant(Value)

    // Numbers.
    case multipleOf(Value, DecimalForm)
    case bound(NumericBound, Value)

    // Strings.
    case charactersMin(Int)
    case charactersMax(Int)
    case pattern(SchemaPattern)
    case format(StringFormat)

    // Arrays.
    case items(prefix: [Int], rest: Int?, restKeyword: String)
    case contains(Int, atLeast: Int, atMost: Int?)
    case itemsMin(Int)
    case itemsMax(Int)
    case uniqueItems
    case unevaluatedItems(Int)

    // Objects.
    case members(SchemaMembers)
    case propertyNames(Int)
    case propertiesMin(Int)
    case propertiesMax(Int)
    case required([String])
    case dependentRequired([(name: String, required: [String])])
    case unevaluatedProperties(Int)
}

/// `properties`, `patternProperties` and `additionalProperties`, which look at each other.
struct SchemaMembers: Sendable {
    /// In the order of the schema.
    var named: [(name: String, schema: Int)] = []
    var byName: [Value.Key: Int] = [:]
    var patterns: [(pattern: SchemaPattern, schema: Int)] = []
    var additional: Int?
}

enum NumericBound: Sendable {
    case minimum, maximum, exclusiveMinimum, exclusiveMaximum

    func admits(_ order: Value.NumericOrder) -> Bool {
        switch self {
        case .minimum: order == .greater || order == .equal
        case .maximum: order == .less || order == .equal
        case .exclusiveMinimum: order == .greater
        case .exclusiveMaximum: order == .less
        }
    }

    var words: String {
        switch self {
        case .minimum: "at least"
        case .maximum: "at most"
        case .exclusiveMinimum: "more than"
        case .exclusiveMaximum: "less than"
        }
    }
}
