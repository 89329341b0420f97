package import PatchbayConfiguration
package import PatchbayRouting

/// How today's configuration would decide about an event, against what was recorded when it was accepted.
package struct RoutingDrift: Sendable, Equatable {
    package enum Change: Sendable, Equatable {
        /// Recorded, and would not be delivered now.
        case gone(handler: String, route: String)
        /// Not recorded, and would be delivered now.
        case added(handler: String, route: String)
        /// The same handler by another route, so that other policies apply.
        case moved(handler: String, from: String, to: String)
    }

    /// In recorded order, then in the order of today's routes; empty when both decide alike. An empty handler stands
    /// for the dead letter of an event that no route takes.
    package var changes: [Change]

    /// - Returns: `nil` when routes did not decide: a handler's timer or subscription brought the event.
    package init?(_ history: EventHistory, _ routing: RoutingExplanation, unmatched: Configuration.Unmatched) {
        let recorded = history.deliveries.filter { !$0.isRedriven }
        guard !recorded.contains(where: { Self.givenRoutes.contains($0.route) }) else { return nil }
        var today = routing.routes.flatMap { route in
            route.targets.filter(\.delivers).compactMap { target in
                target.handler.map { (handler: $0, route: route.name) }
            }
        }
        if routing.isUnmatched, unmatched == .deadLetter { today = [(handler: "", route: "")] }
        changes = recorded.compactMap { delivery in
            guard let now = today.first(where: { $0.handler == delivery.handler }) else {
                return .gone(handler: delivery.handler, route: delivery.route)
            }
            if now.route == delivery.route || now.handler.isEmpty { return nil }
            return .moved(handler: delivery.handler, from: delivery.route, to: now.route)
        }
        for now in today where !recorded.contains(where: { $0.handler == now.handler }) {
            changes.append(.added(handler: now.handler, route: now.route))
        }
    }

    private static let givenRoutes = [Blueprint.timerRouteName, Blueprint.subscriptionRouteName]
}
