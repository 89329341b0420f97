import CPatchbayJSON
import CPatchbaySystem
import Logging
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayLog
import PatchbayModules
import PatchbayRouting
import PatchbayTelemetry

/// One of the two handlers of a comparison: calls it with each event of a window, on a copy of its state. Nothing is
/// written to the log. One thread, beside the handler's.
package final class ComparedSide {
    /// `instance.handler`, with its version.
    package let title: String
    /// Whether its state is as it was when the window began; else as it is now.
    package let hasPastState: Bool
    private let scan: ReplayScan
    private let handlers: HandlerSet
    private let calls: TrialCalls
    private let environment: HostEnvironment
    private let scope: HandlerScope
    /// By route; the last is that of deliveries whose route is no more.
    private let transforms: [RouteTransform?]
    private let timeouts: [UInt64]
    private let decoder = StoredDecoder()

    /// - Parameters:
    ///   - order: its handler is the one whose deliveries are run.
    ///   - candidate: another handler of the configuration, or the path of another build of the handler's module; `nil`
    ///     is the handler itself.
    ///   - until: the first frame that is too new.
    /// - Throws: why there is no such handler, or no such window.
    package init(
        _ preparation: Preparation, _ order: ReplayOrder, candidate: String?, until: UInt64, version: String
    ) throws(ReplayError) {
        do {
            guard let present = order.handler else { throw ReplayError("a comparison needs the handler's name") }
            var preparation = preparation
            var name = present
            if let candidate, candidate.hasSuffix(".so") {
                preparation = try preparation.replacing(HandlerScope(name: present).instance, by: candidate)
            } else if let candidate {
                name = candidate
            }
            scope = HandlerScope(name: name)
            let completed = Doorbell()
            let table = CallTable(capacity: TrialCalls.lateMax + 2, doorbell: completed)
            // What handlers log while they are compared was logged, or will be, when it counts.
            let logger = Logger(label: "patchbay") { _ in SwiftLogNoOpLogHandler() }
            var environment = HostEnvironment(
                version: version, calls: table, logger: logger,
                spans: HandlerSpans(tracer: .off(ids: IDGenerator(seed: 1))), metrics: MetricsRegistry())
            environment.typeMatcher = TypePattern.matcher
            self.environment = environment
            let configuration = preparation.configuration
            let blueprint = try Blueprint(configuration, seed: 1)
            let (scope, state) = (scope, environment.state)
            transforms =
                blueprint.table.routes.map { route in
                    route.transform.map { transform in
                        RouteTransform(transform) { _, key in
                            state.value(of: key, in: scope, now: pbs_unix_now())
                        }
                    }
                } + [nil]
            timeouts = (configuration.routes + [Configuration.Route()]).map { route in
                configuration.policies.timeouts.policy(route.use.timeout.name).attempt.nanosecondsForClock
            }
            let folder = configuration.log.path
            let reader = try LogReader.open(FileStorage("\(folder)/log"))
            let names = try StoredEvents.names(folder, reader)
            var routes: [UInt16: UInt16] = [:]
            for (index, route) in blueprint.table.routes.enumerated() {
                if let number = names.number(.route, route.name) { routes[number] = UInt16(index) }
            }
            let gone = UInt16(blueprint.table.routes.count)
            scan = try ReplayScan(order, reader, names: names, until: until) { route, _ in
                DeliveryPlaces.Place(route: routes[route] ?? gone, lane: 0)
            }
            hasPastState = try PastState.restore(
                HandlerScope(name: present), as: scope, to: environment.state, folder: folder, reader: reader,
                from: order.from, first: scan.first, until: scan.until)
            handlers = try HandlerSet(preparation, handlers: [name], environment: environment, logger: logger)
            guard let handler = handlers.byName[name] else { throw ReplayError("'\(name)' was not loaded") }
            title = handler.version.isEmpty ? name : "\(name) \(handler.version)"
            calls = TrialCalls(
                try HandlerTrial(handler, table: table, completed: completed, route: order.route ?? ""))
        } catch let error as ReplayError {
            throw error
        } catch {
            throw ReplayError("\(error)")
        }
    }

    /// Calls the handler with one event after the other, until `body` says false or the handler hangs.
    package func run(_ body: (TrialRecord) -> Bool) throws(ReplayError) {
        var place = ReplayPlace()
        defer { end() }
        while true {
            let step = try scan.step(from: place, ReplayScan.Bounds())
            place = step.place
            let batch = EventBatch(source: -1, textCapacity: step.lines.reduce(1) { $0 + $1.count + 1 })
            for line in step.lines { line.withUnsafeBytes { StoredDecoder.append($0, to: batch) } }
            do {
                if !step.lines.isEmpty { try decoder.decode(batch, step.lines.count) }
            } catch {
                throw ReplayError("\(error)")
            }
            for event in 0..<batch.count {
                guard let delivery = step.deliveries[event].first else { continue }
                let record = record(batch, event, route: Int(delivery.route))
                guard body(record), !calls.isStuck else { return }
                guard calls.lateCount < TrialCalls.lateMax else {
                    throw ReplayError("\(title) has \(calls.lateCount) calls open that never completed")
                }
            }
            if step.isAtEnd { return }
        }
    }

    // MARK: Private

    private func end() {
        calls.end()
        _ = handlers.end(openCalls: calls.lateCount)
    }

    private func record(_ batch: EventBatch, _ event: Int, route: Int) -> TrialRecord {
        calls.record(batch, event, transforms[route], timeout: timeouts[route]) { effects in
            effects.stateWrites.isEmpty
                || environment.state.commit(effects.stateWrites, of: scope, now: pbs_unix_now()) == .committed
        }
    }
}
