package import PatchbaySDK

/// Ends a handler early with an outcome: thrown where the reason is known, returned by `handle`.
package struct Refusal: Error, Sendable {
    /// What `handle` returns.
    package let outcome: Outcome

    /// Any outcome.
    package init(_ outcome: Outcome) { self.outcome = outcome }

    /// The event is bad. `reason` starts with its class, as `missing_field: data.amount`.
    package static func reject(_ reason: String) -> Refusal { Refusal(.reject(reason)) }
}

extension Call {
    /// Runs `body`, and returns the outcome of a `Refusal` that it throws. Other errors pass.
    package func settling(_ body: () throws -> Outcome) throws -> Outcome {
        do {
            return try body()
        } catch let refusal as Refusal {
            return refusal.outcome
        }
    }
}
