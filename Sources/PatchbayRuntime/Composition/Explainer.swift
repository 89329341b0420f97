import CPatchbay
import CPatchbayJSON
import PatchbayConfiguration
package import PatchbayEvents
package import PatchbayRouting

/// Says where an event would go and why: decodes it as a run would, without a host. Belongs to one thread at a time.
package final class Explainer {
    /// What became of one event.
    package struct Explanation: Sendable, Equatable {
        package var event: Event
        package var routing: RoutingExplanation
    }

    private let blueprint: Blueprint
    private let decoder: OpaquePointer
    private let fields: UnsafeMutablePointer<pbj_field>
    private let batch = EventBatch(source: 0, textCapacity: 1 << 12)

    package init(_ blueprint: Blueprint) {
        self.blueprint = blueprint
        let limits = blueprint.configuration.limits
        decoder = pbj_decoder_new(
            pbj_limits(event_bytes: UInt32(clamping: limits.eventBytes), nesting: UInt32(clamping: limits.nesting)),
            blueprint.plan.handle)
        fields = .allocate(capacity: max(1, blueprint.plan.count))
    }

    deinit {
        pbj_decoder_free(decoder)
        fields.deallocate()
    }

    /// - Parameter text: one CloudEvent as JSON, on one line or over many.
    /// - Throws: what intake would refuse it for; trying again does not help.
    package func explain(_ text: ArraySlice<UInt8>) throws(CloudEventsError) -> Explanation {
        batch.reset()
        batch.growText(to: text.count)
        batch.textCount = text.count
        // The decoder ends an event at a line's end; between tokens a tab is the same.
        for (index, byte) in text.enumerated() {
            batch.text[index] = CChar(bitPattern: byte == 0x0A || byte == 0x0D ? 0x09 : byte)
        }
        var request = batch.request(upTo: text.count, events: 1)
        request.fields = fields
        pbj_decode(decoder, &request)
        guard request.count == 1 else {
            throw CloudEventsError(code: .notJSON, message: "there is no event")
        }
        let view = BatchView(batch)
        guard batch.events[0].error == 0 else { throw view.error(of: batch.events[0]) }
        var routing = blueprint.table.explain(FieldSlots(base: UnsafePointer(fields)))
        let json = view.json(of: 0, adding: [])
        for index in routing.routes.indices where routing.routes[index].verdict == .matched {
            routing.routes[index].transform = transformed(json, route: routing.routes[index].route)
            routing.routes[index].shadows = shadows(ofRoute: routing.routes[index].route)
        }
        return Explanation(event: view.event(0), routing: withoutSecrets(routing))
    }

    private func shadows(ofRoute index: Int) -> [RouteExplanation.Shadow] {
        let route = blueprint.configuration.routes[index]
        return route.shadow.map { shadow in
            RouteExplanation.Shadow(
                handler: shadow.handler.name, sample: shadow.sampleText, beside: route.besides(shadow)?.name ?? "")
        }
    }

    /// What the route's handlers would get, with no state: that is the running host's.
    private func transformed(_ json: [UInt8], route: Int) -> TransformExplanation? {
        guard let transform = blueprint.table.routes[route].transform else { return nil }
        func clean(_ text: String) -> String {
            blueprint.configuration.redacted(text, at: "routes[\(route)].transform")
        }
        do {
            let batch = try transform.apply(to: json) { _ in nil }
            defer { transform.recycle(batch) }
            return .event(clean(String(decoding: BatchView(batch).json(of: 0, adding: []), as: UTF8.self)))
        } catch {
            return .failed(clean(error.description))
        }
    }

    private func withoutSecrets(_ routing: RoutingExplanation) -> RoutingExplanation {
        let configuration = blueprint.configuration
        var routing = routing
        for index in routing.routes.indices {
            let place = "routes[\(routing.routes[index].route)]"
            let rateLimit = configuration.routes[routing.routes[index].route].use.rateLimit.name
            func clean(_ key: KeyExplanation?, at path: String) -> KeyExplanation? {
                guard var key else { return nil }
                key.expression = configuration.redacted(key.expression, at: path)
                key.value = key.value.map { configuration.redacted($0, at: path) }
                return key
            }
            routing.routes[index].checks = routing.routes[index].checks.map { withoutSecrets($0, below: place) }
            routing.routes[index].orderingKey = clean(
                routing.routes[index].orderingKey, at: "\(place).ordering.key")
            routing.routes[index].rateKey = clean(
                routing.routes[index].rateKey, at: "policies.rateLimits.\(rateLimit).key")
            for target in routing.routes[index].targets.indices {
                routing.routes[index].targets[target].chosenBy = clean(
                    routing.routes[index].targets[target].chosenBy, at: "\(place).ordering.key")
                routing.routes[index].targets[target].conditions = routing.routes[index].targets[target].conditions
                    .map { withoutSecrets($0, below: place) }
            }
        }
        return routing
    }

    private func withoutSecrets(_ check: RouteCheck, below place: String) -> RouteCheck {
        let path = "\(place).\(check.place)"
        func clean(_ text: String) -> String { blueprint.configuration.redacted(text, at: path) }
        var check = check
        check.expected = clean(check.expected)
        check.actual = check.actual.map(clean)
        if case .failed(let reason) = check.outcome { check.outcome = .failed(clean(reason)) }
        guard var decision = check.decision else { return check }
        decision.expression = clean(decision.expression)
        decision.outcome = clean(decision.outcome)
        for index in decision.operands.indices {
            decision.operands[index].expression = clean(decision.operands[index].expression)
            decision.operands[index].value = clean(decision.operands[index].value)
        }
        check.decision = decision
        return check
    }
}
