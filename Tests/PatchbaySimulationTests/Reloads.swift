import PatchbayConfiguration
import PatchbayDispatch
import PatchbayLog
import PatchbayResilience

@testable import PatchbayRuntime

/// Has a process take over changed configurations while it runs, in the steps of the host's `Reloader`: compiled onto the
/// routes and lanes that are there, judged, named in the log, and then in force.
final class Reloads {
    private let configurations: Configurations
    private let first: Variation
    private let live: LiveRouting
    private let requests: Requests
    private let world: World
    private var random: SeededRandom
    /// What is in force, as a file that the next process may find.
    private(set) var present: Variation
    private var configuration: Compiled
    /// Names asked for and configurations taken over.
    private(set) var steps = 0

    init(
        _ configurations: Configurations, _ first: Variation, _ live: LiveRouting, _ requests: Requests, _ world: World,
        random: SeededRandom
    ) throws {
        self.configurations = configurations
        self.first = first
        self.live = live
        self.requests = requests
        self.world = world
        self.random = random
        present = first
        configuration = try configurations.first(first)
    }

    /// Begins a reload now and then; false when it does not.
    func turn(_ names: () -> NameTable) -> Bool {
        guard requests.isFree, random.upTo(400) == 0 else { return false }
        let variation = present.next(first, &random)
        guard variation != present else { return false }
        do {
            let next = try configurations.changed(to: variation, from: first)
            let began = try configurations.first(first).blueprint
            let fit = ReloadFit(
                from: configuration.configuration, to: next.configuration, compiled: next.blueprint, first: began)
            guard fit.refused.isEmpty, fit.changesRouting else {
                world.fail("a reload is refused: \(fit.refused)")
                return false
            }
            return name(next, variation, names())
        } catch {
            world.fail("a changed configuration cannot be compiled: \(error)")
            return false
        }
    }

    /// Its number is in the log before anything is decided by it.
    private func name(_ next: Compiled, _ variation: Variation, _ names: NameTable) -> Bool {
        if let known = names.number(.configuration, next.fingerprint) {
            change(to: next, variation, known)
            return true
        }
        guard let number = names.nextNumber(.configuration) else {
            world.fail("the log has no number for another configuration")
            return false
        }
        var change = ControlChange()
        change.names = [NameRecord(.configuration, number, next.fingerprint)]
        steps += 1
        return requests.offer(change) { [unowned self] isCommitted in
            if isCommitted { self.change(to: next, variation, number) }
        }
    }

    private func change(to next: Compiled, _ variation: Variation, _ number: UInt16) {
        live.change(
            to: Routing(
                table: next.blueprint.table, plan: next.blueprint.plan,
                unmatched: Host.unmatched(next.configuration.unmatched), configuration: number))
        world.rule(by: next, number)
        present = variation
        configuration = next
        steps += 1
        world.counters.reloads += 1
    }
}
