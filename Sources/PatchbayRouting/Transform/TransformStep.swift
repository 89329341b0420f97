package import PatchbayExpressions

/// One step of a transform, compiled. Expressions see what the steps before have made of the event; those of one step
/// see the same.
package enum TransformStep: Sendable {
    /// A place and what it gets. Null takes an attribute away; an empty optional takes away anything.
    case set([(path: TransformPath, value: Expression)])
    case unset([TransformPath])
    /// A value's place and its new one; nothing is done where there is none.
    case rename([(from: TransformPath, to: TransformPath)])
    /// The new data as a whole.
    case map(Expression)
    case redact([TransformPath])
    case enrich([TransformEnrichment])

    /// As configuration calls it.
    var name: String {
        switch self {
        case .set: "set"
        case .unset: "unset"
        case .rename: "rename"
        case .map: "map"
        case .redact: "redact"
        case .enrich: "enrich"
        }
    }
}

/// A value from outside of an event's data.
package struct TransformEnrichment: Sendable {
    package enum Source: Sendable {
        /// A context attribute.
        case header(String)
        /// What the handler that receives the event has stored under this key.
        case state(key: Expression)
    }

    package var path: TransformPath
    package var source: Source
    /// Instead of what is not there; `nil` leaves the place as it is.
    package var fallback: Expression?

    package init(path: TransformPath, source: Source, fallback: Expression? = nil) {
        self.path = path
        self.source = source
        self.fallback = fallback
    }
}
