/// Names that are defined twice, and policies that nothing defines.
enum NameCheck {
    static func run(_ configuration: Configuration, _ reading: inout Reading) {
        unique(configuration.routes.map { ($0.name, $0.location) }, "route", "routes", &reading)
        unique(configuration.sources.map { ($0.name, $0.location) }, "source", "sources", &reading)
        unique(configuration.modules.load.map { ($0.name, $0.location) }, "module", "modules.load", &reading)
        unique(
            configuration.modules.functions.map { ($0.name, $0.location) }, "function", "modules.functions", &reading)
        sharedInputs(configuration.sources, &reading)
        let policies = configuration.policies
        for (index, route) in configuration.routes.enumerated() {
            let path = "routes[\(index)].use"
            resolve(route.use.retry, policies.retries.names, "retry policy", "\(path).retry", "retries", &reading)
            resolve(
                route.use.circuitBreaker, policies.circuitBreakers.names, "circuit breaker policy",
                "\(path).circuitBreaker", "circuitBreakers", &reading)
            resolve(
                route.use.timeout, policies.timeouts.names, "timeout policy", "\(path).timeout", "timeouts", &reading)
            resolve(
                route.use.bulkhead, policies.bulkheads.names, "bulkhead policy", "\(path).bulkhead", "bulkheads",
                &reading)
            resolve(
                route.use.rateLimit, policies.rateLimits.names, "rate limit policy", "\(path).rateLimit", "rateLimits",
                &reading)
            for (target, entry) in route.to.enumerated() {
                guard case .oneOf(let choices) = entry else { continue }
                for (choice, entry) in choices.enumerated() {
                    guard let bulkhead = entry.use.bulkhead else { continue }
                    resolve(
                        bulkhead, policies.bulkheads.names, "bulkhead policy",
                        "routes[\(index)].to[\(target)].oneOf[\(choice)].use.bulkhead", "bulkheads", &reading)
                }
            }
        }
    }

    static func unique(
        _ names: [(String, SourceLocation)], _ what: String, _ path: String, _ reading: inout Reading
    ) {
        var first: [String: SourceLocation] = [:]
        for (index, (name, location)) in names.enumerated() where !name.isEmpty {
            if let earlier = first[name] {
                reading.fail(
                    .duplicateName, "a second \(what) named '\(name)' (the first is at line \(earlier.line))",
                    at: location, "\(path)[\(index)].name", remedy: "choose another name")
            } else {
                first[name] = location
            }
        }
    }

    /// Standard input, a socket and a folder can each be read by one source only.
    private static func sharedInputs(_ sources: [Configuration.Source], _ reading: inout Reading) {
        var first: [String: SourceLocation] = [:]
        for (index, source) in sources.enumerated() {
            let input: String
            switch source.type {
            case .file, .timer: continue
            case .directory: input = "the folder \(source.path)"
            case .stdin: input = "standard input"
            case .socket: input = "the socket \(source.path)"
            }
            if let earlier = first[input] {
                reading.fail(
                    .impossible, "\(input) has a source already, at line \(earlier.line)", at: source.location,
                    "sources[\(index)]", remedy: "keep one of them")
            } else {
                first[input] = source.location
            }
        }
    }

    private static func resolve(
        _ reference: Configuration.PolicyReference, _ names: [String], _ what: String, _ path: String,
        _ table: String, _ reading: inout Reading
    ) {
        guard !names.contains(reference.name), let location = reference.location else { return }
        reading.fail(
            .unresolved, "no \(what) is named '\(reference.name)'\(Suggestion.text(for: reference.name, among: names))",
            at: location, path, accepted: names, remedy: "define it under policies.\(table)")
    }
}
