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
        guard let bytes = configuration.log.pendingBytesMax, bytes < configuration.limits.eventBytes else { return }
        let place = reading.place(of: ["log.bytes", "limits.eventBytes"], configuration)
        reading.fail(
            .impossible,
            "log.bytes \(ByteText.format(bytes)) has no room for an event of limits.eventBytes "
                + ByteText.format(configuration.limits.eventBytes),
            at: place.location, place.path, remedy: "raise log.bytes, or lower limits.eventBytes")
    }

    /// Retries whose waits alone, before jitter, are past the time that the delivery has.
    private static func waits(_ configuration: Configuration, _ index: Int, _ reading: inout Reading) {
        let use = configuration.routes[index].use
        guard let retry = configuration.policies.retries[use.retry.name],
            let timeout = configuration.policies.timeouts[use.timeout.name]
        else { return }
        let possible = retry.retriesWithin(timeout.total)
        guard possible < retry.retriesMax else { return }
        let place = reading.place(
            of: [
                "routes[\(index)].use.retry", "routes[\(index)].use.timeout",
                "policies.retries.\(retry.name).maxRetries",
                "policies.retries.\(retry.name)", "policies.timeouts.\(timeout.name).total",
            ], configuration)
        reading.fail(
            .impossible,
            "the waits of retry policy '\(retry.name)' with \(retry.maxRetries) retries are longer than the total "
                + "\(timeout.total.text) of timeout policy '\(timeout.name)'",
            at: place.location, place.path,
            remedy: "lower maxRetries to \(possible), shorten the delays, or lengthen the total")
    }

    private static func batching(_ configuration: Configuration, _ index: Int, _ reading: inout Reading) {
        let route = configuration.routes[index]
        let bulkheads = route.receivers.compactMap { configuration.policies.bulkheads[$0.bulkhead.name] }
        guard let bulkhead = bulkheads.first(where: { route.batching.count > $0.maxQueue }) else { return }
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

    /// How many retries start within `limit` of waiting before jitter.
    fileprivate func retriesWithin(_ limit: Duration) -> Int {
        var sum = Duration.zero
        var delay = duration
        for number in 0..<retriesMax {
            sum += Swift.min(delay, maxInterval)
            if sum > limit { return number }
            switch policy {
            case .none, .constant: break
            case .linear: delay += duration
            case .exponential: if delay < maxInterval { delay = delay * multiplier }
            }
        }
        return retriesMax
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
