import Testing

@testable import PatchbayConfiguration

@Suite struct CompleteExampleTests {
    @Test func `reads the example of the design`() throws {
        let configuration = try valid(completeExample, environment: ["DB_URL": "postgres://db"])
        let route = try #require(configuration.routes.first)
        #expect(configuration.modules.load.map(\.name) == ["billing", "flaky"])
        #expect(configuration.modules.load[0].config["db"] == .string("postgres://db"))
        #expect(configuration.modules.load[1].builtin == .fail)
        #expect(configuration.modules.load[1].config.json == #"{"script":["transient","ok"]}"#)
        #expect(route.type == "com.acme.order.*")
        #expect(route.filters == [.prefix([.init(attribute: "subject", text: "eu/")])])
        #expect(route.match.text == "event.data.total > 100")
        #expect(
            route.to.flatMap(\.handlers).map(\.name)
                == ["audit.append", "audit.append", "billing.charge", "flaky.fail"])
        #expect(route.to[0].handlers[0].module == "audit" && route.to[0].handlers[0].handler == "append")
        guard case .oneOf(let choices) = route.to[1] else { throw Missing() }
        #expect(choices.map(\.weight) == [1, 95, 5])
        #expect(choices.map(\.match.text) == ["event.data.big", "", ""])
        #expect(route.receivers.map(\.bulkhead.name) == ["default", "adaptive", "default", "default"])
        #expect(configuration.sources.map(\.type) == [.file, .stdin, .socket, .directory, .timer, .timer])
        #expect(configuration.socketPath == "/run/patchbay.sock")
        #expect(configuration.policies.bulkheads.policy("adaptive").algorithm == .gradient2)
    }

    @Test func `an empty file has the defaults that the example writes out`() throws {
        let written = try valid(completeExample, environment: ["DB_URL": ""])
        var empty = try valid("")
        #expect(empty.unmatched == written.unmatched)
        #expect(empty.log == written.log)
        #expect(empty.limits == written.limits)
        #expect(empty.shutdown == written.shutdown)
        #expect(empty.telemetry == written.telemetry)
        #expect(empty.modules.directory == written.modules.directory)
        var breaker = written.policies.circuitBreakers.policy("default")
        breaker.trip.location = nil
        var rateLimit = written.policies.rateLimits.policy("default")
        rateLimit.key.location = nil
        // Names of the file stand somewhere; apart from that its defaults are the built-in ones.
        empty.policies.locate(like: written.policies)
        #expect(empty.policies.timeouts.policy("default") == written.policies.timeouts.policy("default"))
        #expect(empty.policies.retries.policy("default") == written.policies.retries.policy("default"))
        #expect(empty.policies.circuitBreakers.policy("default") == breaker)
        #expect(empty.policies.bulkheads.policy("default") == written.policies.bulkheads.policy("default"))
        #expect(empty.policies.rateLimits.policy("default") == rateLimit)
        let least = try valid("routes: [{name: orders, to: [{handler: a.b}]}]").routes[0]
        let route = written.routes[0]
        #expect(least.order == route.order && least.priority == route.priority && least.final == route.final)
        #expect(least.ordering.key.text == route.ordering.key.text)
        #expect(least.ordering.onFailure == route.ordering.onFailure && least.batching == route.batching)
        #expect(least.use.retry.name == "default" && least.use.rateLimit.name == "default")
        #expect(least.type == "**" && least.match.isEmpty && least.filters.isEmpty)
    }

    @Test func `adaptive bulkheads have the defaults of the example`() throws {
        let written = try valid(completeExample, environment: ["DB_URL": ""]).policies.bulkheads.policy("adaptive")
        var short = try valid("policies: {bulkheads: {adaptive: {algorithm: gradient2}}}").policies.bulkheads
            .policy("adaptive")
        short.location = written.location
        #expect(short == written)
    }

    @Test func `remembers where names and policy uses stand`() throws {
        let configuration = try valid(
            """
            policies:
              retries:
                fast: {duration: 1ms}
            routes:
              - name: orders
                to: [{handler: a.b}]
                use:
                  retry: fast
            """)
        let route = configuration.routes[0]
        #expect(route.location.description == "p.yaml:5:11")
        #expect(route.use.retry.location?.description == "p.yaml:8:14")
        #expect(route.use.timeout.location == nil)
        #expect(configuration.policies.retries.policy("fast").location?.fileAndLine == "p.yaml:3")
        #expect(configuration.policies.retries.policy("default").location == nil)
        #expect(configuration.origins["policies.retries.fast.duration"]?.location.description == "p.yaml:3:22")
        #expect(configuration.origins["policies.retries.fast.jitter"] == nil)
        #expect(configuration.origins.nearest(to: "routes[0].to[0].handler.deeper")?.location.line == 6)
    }

    @Test func `JSON is read as YAML`() throws {
        let json =
            #"{"routes": [{"name": "a", "to": [{"handler": "builtin.log"}], "final": true}], "unmatched": "drop"}"#
        let configuration = try valid(json)
        #expect(configuration.routes[0].final && configuration.unmatched == .drop)
    }

    struct Missing: Error {}
}

extension Configuration.Policies {
    /// Gives the default policies the places that they have in `other`.
    fileprivate mutating func locate(like other: Self) {
        func moved<P>(_ table: Configuration.Table<P>, _ like: Configuration.Table<P>) -> Configuration.Table<P> {
            var table = table
            var policy = table.policy("default")
            policy.location = like.policy("default").location
            table.set(policy)
            return table
        }
        timeouts = moved(timeouts, other.timeouts)
        retries = moved(retries, other.retries)
        circuitBreakers = moved(circuitBreakers, other.circuitBreakers)
        bulkheads = moved(bulkheads, other.bulkheads)
        rateLimits = moved(rateLimits, other.rateLimits)
    }
}
