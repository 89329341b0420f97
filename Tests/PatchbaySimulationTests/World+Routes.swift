import PatchbayConfiguration
import PatchbayEvents

/// Where events have to go: by the configuration of the process that accepted them, then and for ever.
extension World {
    /// A process begins with this configuration.
    func route(_ configuration: Configuration) {
        routing = [:]
        for route in configuration.routes {
            routing[route.type, default: []].formUnion(route.to.flatMap(\.handlers).map(\.name))
        }
    }

    /// An event was accepted: it goes to the handlers that this process's configuration says, and to no other.
    func expect(event: String, type: String, in batch: EventBatch, _ index: Int) {
        var found: Set<String> = []
        for place in 0..<batch.deliveryCount where Int(batch.deliveries[place].event) == index {
            found.insert(names[handlers[Int(batch.deliveries[place].lane)]] ?? "?")
        }
        // A timer's event goes to whoever set it; what no route takes, to the lane that buries.
        let wanted = event.hasPrefix("tick-") ? [Scenario.Part.timed.handler] : routing[type] ?? [""]
        if found != wanted { fail("\(event) of type \(type) goes to \(found.sorted()) instead of \(wanted.sorted())") }
    }
}
