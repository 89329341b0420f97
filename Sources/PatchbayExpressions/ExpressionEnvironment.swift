package import PatchbayEvents

/// What an expression may name, and how much it may cost.
package struct ExpressionEnvironment {
    /// Receives a slot for each field of `event` that is read; `nil` where there is no event.
    package var eventPlan: FieldPlan?
    /// Values handed over by index when evaluating. A name may have dots.
    package var variables: [String]
    /// Names are looked up in this namespace and those around it first; usually empty.
    package var container = ""
    /// Whether unknown names and functions are errors when compiling, rather than when evaluating.
    package var checksNames = true
    /// Steps that one evaluation may take: about one for each operation, element and 16 bytes of text.
    package var costMax = 1_000_000

    package init(eventPlan: FieldPlan? = nil, variables: [String] = []) {
        self.eventPlan = eventPlan
        self.variables = variables
    }
}
