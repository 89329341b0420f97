extension Configuration {
    /// One step of what a route makes of its events before handlers get them.
    package enum TransformStep: Sendable, Equatable {
        /// Places and what they get.
        case set([Assignment])
        case unset([String])
        case rename([Renaming])
        /// The new data as a whole.
        case map(ExpressionSource)
        case redact([String])
        case enrich([Enrichment])

        package struct Assignment: Sendable, Equatable {
            package var path: String
            package var value: ExpressionSource
        }

        package struct Renaming: Sendable, Equatable {
            package var from: String
            package var to: String
        }
    }

    /// A value from an attribute or from the receiving handler's state; one of both.
    package struct Enrichment: Sendable, Equatable {
        package var path = ""
        /// A context attribute; empty where it is state.
        package var header = ""
        /// CEL for a key; empty where it is an attribute.
        package var state = ExpressionSource("")
        /// CEL for what stands in for a value that is not there; empty leaves the place as it is.
        package var fallback = ExpressionSource("")

        package init() {}
    }
}
