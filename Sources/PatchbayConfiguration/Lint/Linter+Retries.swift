extension Linter {
    /// Retries for which a delivery has no time.
    mutating func lintRetries() {
        var seen: Set<[String]> = []
        for (index, route) in configuration.routes.enumerated() {
            let use = route.use
            guard seen.insert([use.retry.name, use.timeout.name]).inserted,
                let retry = configuration.policies.retries[use.retry.name],
                let timeout = configuration.policies.timeouts[use.timeout.name], retry.retries > 0
            else { continue }
            let paths = [
                "routes[\(index)].use.retry", "routes[\(index)].use.timeout",
                "policies.timeouts.\(timeout.name).attempt", "policies.timeouts.\(timeout.name).total",
                "policies.retries.\(retry.name).maxRetries", "policies.retries.\(retry.name).duration",
                "routes[\(index)].name",
            ]
            let first = timeout.attempt + retry.delays(1).reduce(.zero, +)
            if first >= timeout.total {
                warn(
                    .attemptTakesTotal,
                    "with retry policy '\(retry.name)' and timeout policy '\(timeout.name)', an attempt that times out is "
                        + "never repeated",
                    reason: "an attempt of \(timeout.attempt.text) and the first delay of \(retry.duration.text) are "
                        + "\(first.text); the total is \(timeout.total.text)",
                    remedy: "shorten attempt, or lengthen total", at: paths, or: route.location)
            } else {
                lintLateRetries(retry, timeout, at: paths, or: route.location)
            }
        }
    }

    private mutating func lintLateRetries(
        _ retry: Configuration.RetryPolicy, _ timeout: Configuration.TimeoutPolicy, at paths: [String],
        or place: SourceLocation
    ) {
        var start = Duration.zero
        for (number, delay) in retry.delays(min(retry.retries, Self.retriesLookedAt)).enumerated() {
            start += timeout.attempt + delay
            guard start >= timeout.total else { continue }
            warn(
                .retryBeyondTotal,
                "retry \(number + 1) of \(retry.retries) of retry policy '\(retry.name)' may come too late",
                reason:
                    "where attempts take their \(timeout.attempt.text), it would start \(start.text) after the first "
                    + "one, by the delays before jitter; the total of timeout policy '\(timeout.name)' is "
                    + timeout.total.text,
                remedy: "lower maxRetries to \(number), shorten attempt or the delays, or lengthen total", at: paths,
                or: place)
            return
        }
    }

    /// Beyond these, a total of a hundred years would be past with a millisecond for each.
    private static let retriesLookedAt = 100_000

    /// Budgets that are written and never hold a retry back.
    mutating func lintBudgets() {
        for retry in configuration.policies.retries.entries where isWritten("policies.retries.\(retry.name).budget") {
            let routes = configuration.routes.filter { $0.use.retry.name == retry.name }
            guard !routes.isEmpty, let reason = reasonBudgetRests(retry, routes) else { continue }
            warn(
                .budgetNeverActs, "the budget of retry policy '\(retry.name)' never holds a retry back",
                reason: reason.0, remedy: reason.1,
                at: ["policies.retries.\(retry.name).budget"])
        }
    }

    private func reasonBudgetRests(
        _ retry: Configuration.RetryPolicy, _ routes: [Configuration.Route]
    ) -> (String, String)? {
        if retry.retries == 0 {
            return ("the policy never retries", "remove the budget, or raise maxRetries")
        }
        if retry.budget.ratio >= 1 {
            return ("a ratio of 1 lets every delivery of a lane be a retry", "lower ratio, or remove the budget")
        }
        var most = 0
        for route in routes {
            for receiver in route.receivers {
                guard let permits = permits(receiver) else { return nil }
                most = max(most, permits)
            }
        }
        guard retry.budget.minConcurrency >= most else { return nil }
        return (
            "\(retry.budget.minConcurrency) retries are always allowed (minConcurrency), and no lane that uses it has "
                + "more than \(most) calls in flight",
            "lower minConcurrency below \(most), or remove the budget"
        )
    }

    /// Calls at once of a handler under its bulkhead; `nil` where that depends on the machine.
    private func permits(_ receiver: Configuration.Receiver) -> Int? {
        let allowed = facts(receiver.handler.name).flatMap { $0.concurrency > 0 ? $0.concurrency : nil }
        guard let policy = configuration.policies.bulkheads[receiver.bulkhead.name] else { return allowed }
        return [policy.most, allowed].compactMap { $0 }.min()
    }
}

extension Configuration.BulkheadPolicy {
    /// Calls in flight at most; `nil` where that depends on the machine.
    var most: Int? {
        switch (algorithm, maxInFlight) {
        case (.gradient2, _): max
        case (.fixed, .count(let count)): count
        case (.fixed, .auto): nil
        }
    }
}

extension Configuration.RetryPolicy {
    /// Retries of a delivery at most.
    fileprivate var retries: Int { policy == .none ? 0 : maxRetries }

    /// The first `count` delays before jitter.
    fileprivate func delays(_ count: Int) -> [Duration] {
        var delay = duration
        return (0..<count).map { _ in
            defer {
                switch policy {
                case .none, .constant: break
                case .linear: delay += duration
                case .exponential: if delay < maxInterval { delay = delay * multiplier }
                }
            }
            return min(delay, maxInterval)
        }
    }
}
