/// Values of different maps that cannot hold together.
enum PolicyCheck {
    static func run(_ configuration: Configuration, _ reading: inout Reading) {
        log(configuration, &reading)
        var seen: Set<[String]> = []
        for (index, route) in configuration.routes.enumerated() {
            if seen.insert([route.use.retry.name, route.use.timeout.name]).inserted {
                waits(configuration, index, &reading)
            }
            batching(configuration, index, &reading)
        }
    }

    private static func log(_ configuration: Configuration, _ reading: inout Reading) {
        guard configuration.log.bytes < configuration.limits.eventBytes else { return }
        let place = reading.place(of: ["log.bytes", "limits.eventBytes"], configuration)
        reading.fail(
            .impossible,
            "log.bytes \(ByteText.format(configuration.log.bytes)) has no room for an event of limits.eventBytes "
                + ByteText.format(configuration.limits.eventBytes),
            at: place.location, place.path, remedy: "raise log.bytes, or lower limits.eventBytes")
    }

    /// Retries whose waits alone, before jitter, are past the time that the delivery has.
    private static func waits(_ configuration: Configuration, _ index: Int, _ reading: inout Reading) {
        let use = configuration.routes[index].use
        guard let retry = configuration.policies.retries[use.retry.name],
            let timeout = configuration.policies.timeouts[use.timeout.name]
        else { return }
        let (possible, total) = retry.retriesWithin(timeout.total)
        guard possible < retry.retriesMax else { return }
        let waits = total.map { "takes \($0.text) in waits alone" } ?? "takes longer in waits alone"
        let place = reading.place(
            of: [
                "routes[\(index)].use.retry", "routes[\(index)].use.timeout",
                "policies.retries.\(retry.name).maxRetries",
                "policies.retries.\(retry.name)", "policies.timeouts.\(timeout.name).total",
            ], configuration)
        reading.fail(
            .impossible,
            "retry policy '\(retry.name)' with \(retry.maxRetries) retries \(waits), more than the total "
                + "\(timeout.total.text) of timeout policy '\(timeout.name)'",
            at: place.location, place.path,
            remedy: "lower maxRetries to \(possible), shorten the delays, or lengthen the total")
    }

    private static func batching(_ configuration: Configuration, _ index: Int, _ reading: inout Reading) {
        let route = configuration.routes[index]
        guard let bulkhead = configuration.policies.bulkheads[route.use.bulkhead.name],
            route.batching.count > bulkhead.maxQueue
        else { return }
        let place = reading.place(of: ["routes[\(index)].batching.count"], configuration)
        reading.fail(
            .impossible,
            "a batch of \(route.batching.count) never fills: bulkhead policy '\(bulkhead.name)' loads "
                + "\(bulkhead.maxQueue) (maxQueue)",
            at: place.location, place.path, remedy: "lower count, or raise maxQueue")
    }
}

extension Configuration.RetryPolicy {
    /// 0 where the policy never retries.
    fileprivate var retriesMax: Int { policy == .none ? 0 : maxRetries }

    /// How many retries start within `limit` of waiting before jitter, and the sum for all when it is small to say.
    fileprivate func retriesWithin(_ limit: Duration) -> (count: Int, total: Duration?) {
        var sum = Duration.zero
        var possible = retriesMax
        for number in 0..<retriesMax {
            if sum <= limit { possible = number }
            let delay = nominalDelay(number)
            // From here on nothing grows, so the rest is a product.
            if delay >= maxInterval || delay == .zero || policy == .constant {
                let left = retriesMax - number
                let total = sum + delay * left
                guard total > limit else { return (retriesMax, nil) }
                if sum <= limit { possible = number + Int((limit - sum) / delay) }
                return (possible, total)
            }
            sum += delay
        }
        return sum > limit ? (possible, sum) : (retriesMax, nil)
    }

    /// The delay before retry `number`, counted from 0, without jitter.
    private func nominalDelay(_ number: Int) -> Duration {
        switch policy {
        case .none: .zero
        case .constant: Swift.min(duration, maxInterval)
        case .linear: Swift.min(duration * (number + 1), maxInterval)
        case .exponential: exponentialDelay(number)
        }
    }

    private func exponentialDelay(_ number: Int) -> Duration {
        var delay = duration
        for _ in 0..<number where delay < maxInterval {
            if multiplier == 1 { break }
            delay = delay * multiplier
        }
        return Swift.min(delay, maxInterval)
    }
}

extension Reading {
    /// The place of the first of `paths` that the file has.
    fileprivate func place(
        of paths: [String], _ configuration: Configuration
    ) -> (location: SourceLocation, path: String) {
        for path in paths {
            if let origin = configuration.origins[path] { return (origin.location, path) }
        }
        return (SourceLocation(file: file, line: 1, column: 1), paths.first ?? "")
    }
}
