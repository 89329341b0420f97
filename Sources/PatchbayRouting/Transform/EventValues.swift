package import CPatchbayJSON
package import PatchbayEvents
package import PatchbayExpressions

/// One event as expressions see it, where there are no routes: for handlers of the host's own.
///
/// Belongs to one thread at a time.
package final class EventValues {
    private let bench: TransformBench
    private let batch = EventBatch(source: -1, textCapacity: 4_096)

    /// - Parameter plan: what all expressions that are evaluated here read; complete.
    package init(plan: FieldPlan, limits: pbj_limits) { bench = TransformBench(plan: plan, limits: limits) }

    /// Takes the next event, in structured JSON.
    package func load(_ event: [UInt8]) throws(CloudEventsError) { try bench.decode(event, into: batch) }

    /// An expression's value for the event that was loaded last.
    package func value(of expression: Expression, variables: [Value]) throws(EvaluationError) -> Value {
        try expression.evaluate(FieldSlots(base: UnsafePointer(bench.fields)), variables: variables)
    }
}
