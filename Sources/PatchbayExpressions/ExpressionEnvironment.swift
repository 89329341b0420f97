package import PatchbayEvents

/// What an expression may name, and how much it may cost.
package struct ExpressionEnvironment {
    /// A value that is handed over by index when evaluating.
    package struct Variable: Sendable {
        /// May have dots.
        package let name: String
        package let type: ExpressionType

        package init(_ name: String, _ type: ExpressionType = .dyn) {
            self.name = name
            self.type = type
        }
    }

    /// Receives a slot for each field of `event` that is read; `nil` where there is no event.
    package var eventPlan: FieldPlan?
    /// In the order in which their values are handed over.
    package var variables: [Variable]
    /// Functions beside the standard ones, of which only the types are known: an evaluation that gets to one fails.
    package var signatures: [FunctionSignature] = []
    /// Names are looked up in this namespace and those around it first; usually empty.
    package var container = ""
    /// Whether unknown names and functions and types that do not fit are errors when compiling, rather than when
    /// evaluating.
    package var isChecked = true
    /// Steps that one evaluation may take: about one for each operation, element and 16 bytes of text.
    package var costMax = 1_000_000

    package init(eventPlan: FieldPlan? = nil, variables: [Variable] = []) {
        self.eventPlan = eventPlan
        self.variables = variables
    }

    /// With variables of which no type is known.
    package init(eventPlan: FieldPlan? = nil, variables: [String]) {
        self.init(eventPlan: eventPlan, variables: variables.map { Variable($0) })
    }
}
