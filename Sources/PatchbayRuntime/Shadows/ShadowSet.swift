import CPatchbaySystem
import Logging
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayModules
import PatchbayRouting

/// All shadows of a run, in the order of the file.
final class ShadowSet: Sendable {
    /// Each with the index of its route.
    private let shadows: [(route: Int, shadow: Shadow, plan: RouteShadow)]
    /// Nanoseconds that the end of a run leaves them for what waits.
    private static let patience: UInt64 = 5_000_000_000

    /// Loads their modules and makes their handlers; they take nothing yet.
    init(
        _ preparation: Preparation, _ blueprint: Blueprint, environment: HostEnvironment, logger: Logger
    ) throws(HostError) {
        let policies = preparation.configuration.policies
        var made: [(route: Int, shadow: Shadow, plan: RouteShadow)] = []
        for (index, route) in preparation.configuration.routes.enumerated() {
            for entry in route.shadow {
                guard let beside = route.besides(entry)?.name else { continue }
                let before = ShadowView()
                let (store, scope) = (environment.state, HandlerScope(name: beside))
                let transform = blueprint.table.routes[index].transform.map { transform in
                    RouteTransform(transform) { _, key in
                        if let past = before[key] { return past?.bytes }
                        return store.value(of: key, in: scope, now: pbs_unix_now())
                    }
                }
                let place = Shadow.Place(
                    shadow: entry, beside: beside, route: route.name,
                    timeout: policies.timeouts.policy(route.use.timeout.name).attempt.nanosecondsForClock,
                    transform: transform)
                let shadow = try Shadow(preparation, place, environment: environment, before: before, logger: logger)
                let lanes = blueprint.lanes(ofRoute: index).filter { blueprint.lanes[$0].handler == beside }
                made.append(
                    (index, shadow, RouteShadow(lanes: Set(lanes), share: UInt32(entry.sample), sink: shadow)))
            }
        }
        shadows = made
    }

    /// Lets a plan know of them.
    func join(_ plan: inout DispatchPlan) {
        for (route, _, entry) in shadows { plan.routes[route].shadows.append(entry) }
    }

    func start() throws {
        for (number, entry) in shadows.enumerated() { try entry.shadow.start(number) }
    }

    /// How they stand. [any thread]
    var reports: [ShadowReport] { shadows.map(\.shadow.report) }

    /// After the dispatcher's end; how their handlers misbehaved.
    func end() -> [RunReport.Misbehaviour] {
        let deadline = pbs_now() &+ Self.patience
        return shadows.flatMap { $0.shadow.end(by: deadline) }
    }
}
