package import PatchbayConfiguration
import PatchbayDispatch
package import PatchbayEvents
import PatchbayExpressions
import PatchbayResilience
package import PatchbayRouting

/// A validated configuration resolved to routes, lanes and expressions: what running and explaining both start from.
/// No module is loaded.
package struct Blueprint: Sendable {
    /// One lane: a handler under one bulkhead policy and one way of batching.
    package struct Lane: Sendable, Hashable {
        package var handler: String
        package var bulkhead: String
        package var batching: Configuration.Batching

        /// The handler's name, and the bulkhead's where it is not the default one.
        package var name: String { bulkhead == "default" ? handler : "\(handler)#\(bulkhead)" }
    }

    package let configuration: Configuration
    package let plan: FieldPlan
    package let table: RouteTable
    package let lanes: [Lane]
    /// Handlers in the order of their indices in the table.
    package let handlers: [String]

    /// Compiles what was validated; an error here is one that validation should have found, reported all the same.
    ///
    /// Keys are hashed by `seed`, which is secret. Where hashes are kept in a log, it has to be the log's.
    ///
    /// - Parameter first: what a run began with: its routes, by name, its lanes and its handlers keep their indices, and a
    ///   route that there is no more takes nothing.
    package init(
        _ configuration: Configuration, seed: UInt64, keeping first: Blueprint? = nil
    ) throws(BlueprintError) {
        self.configuration = configuration
        let plan = FieldPlan()
        var builder = Builder(
            configuration: configuration, plan: plan, lanes: first?.lanes ?? [], handlers: first?.handlers ?? [])
        var routes: [Route] = []
        let kept = first?.table.routes ?? []
        for old in kept {
            if let route = configuration.routes.first(where: { $0.name == old.name }) {
                routes.append(try builder.route(route))
            } else {
                routes.append(Route(name: old.name, match: try builder.never(), targets: old.targets))
            }
        }
        for route in configuration.routes where !kept.contains(where: { $0.name == route.name }) {
            routes.append(try builder.route(route))
        }
        if first != nil {
            // Equal ones are tried in the file's order, which the indices do not have any more.
            let ranks = configuration.routes.enumerated().sorted {
                ($0.element.order, $0.offset) < ($1.element.order, $1.offset)
            }
            for (rank, entry) in ranks.enumerated() {
                for index in routes.indices where routes[index].name == entry.element.name {
                    routes[index].order = rank
                }
            }
        }
        var random = SeededRandom(seed: seed)
        do {
            table = try RouteTable(routes, plan: plan, seed: KeySeed(random.next(), random.next()))
        } catch {
            throw BlueprintError(message: error.description, location: nil)
        }
        self.plan = plan
        lanes = builder.lanes
        handlers = builder.handlers
    }

    private struct Builder {
        let configuration: Configuration
        let plan: FieldPlan
        var lanes: [Lane]
        var handlers: [String]

        /// A condition that nothing meets.
        func never() throws(BlueprintError) -> Expression? {
            try expression(ExpressionSource("false"), ExpressionEnvironment(eventPlan: plan))
        }

        mutating func route(_ route: Configuration.Route) throws(BlueprintError) -> Route {
            let environment = ExpressionEnvironment(eventPlan: plan)
            var built = Route(
                name: route.name, order: route.order, priority: UInt8(clamping: route.priority), targets: [])
            built.isFinal = route.final
            if route.type != "**" {
                do {
                    built.type = try TypePattern(route.type)
                } catch {
                    throw BlueprintError(message: error.description, location: route.location)
                }
            }
            built.match = try expression(route.match, environment)
            for filter in route.filters { built.filters.append(try self.filter(filter, environment)) }
            built.transform = try TransformBuilder(configuration.limits).transform(route)
            built.orderingKey = try key(route.ordering.key, environment)
            if let dedup = route.dedup { built.deduplicationKey = try key(dedup.key, environment) }
            built.rateKey = try key(configuration.policies.rateLimits.policy(route.use.rateLimit.name).key, environment)
            for target in route.to { built.targets.append(try self.target(target, of: route, environment)) }
            return built
        }

        private func expression(
            _ source: ExpressionSource, _ environment: ExpressionEnvironment
        ) throws(BlueprintError) -> Expression? {
            guard !source.isEmpty else { return nil }
            do {
                return try Expression(source.text, in: environment)
            } catch {
                throw BlueprintError(message: "\(error)", location: source.location)
            }
        }

        private func key(
            _ source: ExpressionSource, _ environment: ExpressionEnvironment
        ) throws(BlueprintError) -> RouteKey? {
            guard !source.isEmpty else { return nil }
            do {
                return try RouteKey(source.text, in: environment)
            } catch {
                throw BlueprintError(message: "\(error)", location: source.location)
            }
        }

        private func filter(
            _ filter: Configuration.Filter, _ environment: ExpressionEnvironment
        ) throws(BlueprintError) -> RouteFilter {
            func attributes(_ list: [Configuration.AttributeText]) -> [RouteAttribute] {
                list.map { RouteAttribute($0.attribute, $0.text) }
            }
            func filters(_ list: [Configuration.Filter]) throws(BlueprintError) -> [RouteFilter] {
                var built: [RouteFilter] = []
                for inner in list { built.append(try self.filter(inner, environment)) }
                return built
            }
            switch filter {
            case .exact(let list): return .exact(attributes(list))
            case .prefix(let list): return .prefix(attributes(list))
            case .suffix(let list): return .suffix(attributes(list))
            case .all(let list): return .all(try filters(list))
            case .any(let list): return .any(try filters(list))
            case .not(let inner): return .not(try self.filter(inner, environment))
            case .cel(let source):
                guard let compiled = try expression(source, environment) else { return .all([]) }
                return .cel(compiled)
            case .cesql(let source, let key):
                do {
                    return .cesql(try SQLExpression(source.text, plan: plan), key: key)
                } catch {
                    throw BlueprintError(message: "\(error)", location: source.location)
                }
            }
        }

        private mutating func target(
            _ target: Configuration.Target, of route: Configuration.Route, _ environment: ExpressionEnvironment
        ) throws(BlueprintError) -> RouteTarget {
            switch target {
            case .handler(let reference): return .handler(handler(reference, under: route.use.bulkhead, of: route))
            case .oneOf(let entries):
                var choices: [RouteChoice] = []
                for entry in entries {
                    let bulkhead = entry.use.bulkhead ?? route.use.bulkhead
                    choices.append(
                        RouteChoice(
                            handler(entry.handler, under: bulkhead, of: route), weight: UInt32(clamping: entry.weight),
                            match: try expression(entry.match, environment)))
                }
                return .oneOf(choices)
            }
        }

        private mutating func handler(
            _ reference: Configuration.HandlerReference, under bulkhead: Configuration.PolicyReference,
            of route: Configuration.Route
        ) -> RouteHandler {
            let lane = Lane(handler: reference.name, bulkhead: bulkhead.name, batching: route.batching)
            let laneIndex = lanes.firstIndex(of: lane) ?? lanes.count
            if laneIndex == lanes.count { lanes.append(lane) }
            let handlerIndex = handlers.firstIndex(of: reference.name) ?? handlers.count
            if handlerIndex == handlers.count { handlers.append(reference.name) }
            return RouteHandler(name: reference.name, handler: UInt16(handlerIndex), lane: UInt16(laneIndex))
        }
    }
}

/// Something that validation let through and that cannot be compiled.
package struct BlueprintError: Error, Sendable, CustomStringConvertible {
    package var message: String
    package var location: SourceLocation?
    package var description: String { location.map { "\($0): error: \(message)" } ?? message }
}
