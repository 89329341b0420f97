import PatchbayConfiguration
import PatchbayRuntime

/// The policies of one route, in words and with the places that set them.
struct EffectivePolicies {
    struct Entry {
        /// As `use` names it, or `ordering` or `batching`.
        var kind: String
        /// The policy's name.
        var name: String
        var about: String
        /// Where it is defined and, when the route names it, where.
        var place: String
    }

    private let route: Configuration.Route
    private let blueprint: Blueprint

    init(_ route: Configuration.Route, _ blueprint: Blueprint) {
        self.route = route
        self.blueprint = blueprint
    }

    func entries(lane: Blueprint.Lane) -> [Entry] {
        let policies = blueprint.configuration.policies
        let use = route.use
        var entries = [
            entry("timeout", policies.timeouts, use.timeout, about: about),
            entry("retry", policies.retries, use.retry, about: about),
            entry("circuitBreaker", policies.circuitBreakers, use.circuitBreaker, about: about),
            bulkhead(of: lane),
            entry("rateLimit", policies.rateLimits, use.rateLimit, about: about),
        ]
        let origins = blueprint.configuration.origins
        let index = blueprint.configuration.routes.firstIndex { $0.name == route.name } ?? 0
        let orderingKey = blueprint.configuration.redacted(route.ordering.key.text, at: "routes[\(index)].ordering.key")
        let key = route.ordering.key.isEmpty ? "no key, no order" : "by \(orderingKey)"
        entries.append(
            Entry(
                kind: "ordering", name: "", about: "\(key); after a failure \(route.ordering.onFailure.rawValue)",
                place: origins["routes[\(index)].ordering"]?.location.fileAndLine
                    ?? route.ordering.key.location?.fileAndLine ?? "default"))
        if route.batching.count > 1 {
            let bytes = route.batching.byteSize > 0 ? ", \(ByteText.format(route.batching.byteSize))" : ""
            let wait = route.batching.period > .zero ? ", waits \(DurationText.format(route.batching.period))" : ""
            entries.append(
                Entry(
                    kind: "batching", name: "",
                    about: "at most \(String.count(route.batching.count, "event"))\(bytes)\(wait)",
                    place: origins.nearest(to: "routes[\(index)].batching.count")?.location.fileAndLine ?? "default"))
        }
        return entries
    }

    /// The bulkhead of one lane, which may be that of an entry of `oneOf` alone.
    func bulkhead(of lane: Blueprint.Lane) -> Entry {
        let receiver = route.receivers.first {
            $0.handler.name == lane.handler && $0.bulkhead.name == lane.bulkhead
        }
        return entry("bulkhead", blueprint.configuration.policies.bulkheads, receiver?.bulkhead ?? route.use.bulkhead) {
            about($0, blueprint.maxInFlight(lane))
        }
    }

    // MARK: Private

    private func entry<Policy>(
        _ kind: String, _ table: Configuration.Table<Policy>, _ reference: Configuration.PolicyReference,
        about: (Policy) -> String
    ) -> Entry {
        let policy = table.policy(reference.name)
        var place = policy.location?.fileAndLine ?? "default"
        if let used = reference.location { place += ", used at \(used.fileAndLine)" }
        let name = policy.name == "default" ? "" : "\(policy.name): "
        return Entry(
            kind: kind, name: policy.name, about: blueprint.configuration.secrets.redacted(name + about(policy)),
            place: place)
    }

    /// The value of a policy's key as it may be shown.
    private func shown(_ text: String, _ table: String, _ policy: String, _ key: String) -> String {
        blueprint.configuration.redacted(text, at: "policies.\(table).\(policy).\(key)")
    }

    private func about(_ policy: Configuration.TimeoutPolicy) -> String {
        "\(DurationText.format(policy.attempt)) an attempt, \(DurationText.format(policy.total)) in all"
    }

    private func about(_ policy: Configuration.RetryPolicy) -> String {
        guard policy.policy != .none, policy.maxRetries > 0 else { return "none" }
        var parts = [
            "at most \(policy.maxRetries), \(policy.policy.rawValue) from \(DurationText.format(policy.duration))"
        ]
        if policy.policy == .exponential { parts.append("times \(Self.number(policy.multiplier))") }
        if policy.policy != .constant { parts.append("up to \(DurationText.format(policy.maxInterval))") }
        parts.append(policy.jitter == .none ? "no jitter" : "\(policy.jitter.rawValue) jitter")
        func classes(_ key: String, _ list: [String]) -> String {
            list.indices.map { shown(list[$0], "retries", policy.name, "matching.\(key)[\($0)]") }
                .joined(separator: ", ")
        }
        if policy.matching.retry != ["*"] { parts.append("only \(classes("retry", policy.matching.retry))") }
        if !policy.matching.never.isEmpty { parts.append("never \(classes("never", policy.matching.never))") }
        return parts.joined(separator: ", ")
    }

    private func about(_ policy: Configuration.CircuitBreakerPolicy) -> String {
        "per \(policy.scope.rawValue), opens when \(shown(policy.trip.text, "circuitBreakers", policy.name, "trip")) in \(DurationText.format(policy.interval)), "
            + "for \(DurationText.format(policy.timeout)) up to \(DurationText.format(policy.maxTimeout)); "
            + (policy.onOpen == .pause ? "deliveries wait" : "deliveries become dead letters")
    }

    private func about(_ policy: Configuration.BulkheadPolicy, _ maxInFlight: Int) -> String {
        var text =
            policy.algorithm == .gradient2
            ? "\(policy.min) to \(policy.max) in flight, adapting from \(policy.initial)"
            : "\(maxInFlight) in flight\(policy.maxInFlight == .auto ? " (auto)" : "")"
        if policy.perKey > 0 { text += ", \(policy.perKey) per key" }
        return text + ", \(policy.maxQueue) loaded"
    }

    private func about(_ policy: Configuration.RateLimitPolicy) -> String {
        guard policy.count > 0 else { return "none" }
        let key = policy.key.isEmpty ? "" : " per \(shown(policy.key.text, "rateLimits", policy.name, "key"))"
        return "\(policy.count) in \(DurationText.format(policy.interval))\(key)"
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e6 ? String(Int(value)) : "\(value)"
    }
}
