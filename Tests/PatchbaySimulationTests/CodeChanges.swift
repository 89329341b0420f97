import PatchbayEvents
import PatchbayResilience

@testable import PatchbayDispatch

/// Gives handlers other code while a process runs: what starts from then on runs that, what is open ends where it began.
final class CodeChanges {
    private let dispatcher: Dispatcher
    private let hands: Hands
    private let world: World
    private var random: SeededRandom
    private let bell = Doorbell()
    private var version = 0
    /// The dispatcher has not heard of it.
    private var offered: (replacement: Replacement, names: [String])?
    /// Their code before has open calls.
    private var applied: [(replacement: Replacement, before: [String: Int])] = []

    init(_ dispatcher: Dispatcher, _ hands: Hands, _ world: World, random: SeededRandom) {
        self.dispatcher = dispatcher
        self.hands = hands
        self.world = world
        self.random = random
    }

    /// Before the dispatcher's turn.
    func offer() {
        guard offered == nil, random.upTo(200) == 0 else { return }
        let names = Set(dispatcher.plan.lanes.filter { !$0.buries }.map(\.handler.name)).sorted()
            .filter { _ in random.upTo(3) == 0 }
        guard !names.isEmpty else { return }
        version += 1
        let replacement = Replacement(names.map { hands.handler($0, version: version) }, bell: bell)
        dispatcher.replacements.offer([replacement])
        offered = (replacement, names)
    }

    /// Behind it.
    func settle() {
        if let (replacement, names) = offered, !dispatcher.replacements.isWaiting {
            offered = nil
            do throws(ReplacementError) {
                try replacement.waitUntilApplied()
                var before: [String: Int] = [:]
                for name in names { before[name] = hands.versions.updateValue(version, forKey: name) ?? 0 }
                world.counters.codeChanges += 1
                if replacement.progress.openBefore > 0 { world.counters.codeChangesMidway += 1 }
                replacement.unwatch()
                applied.append((replacement, before))
            } catch {
                world.fail("code is not replaced: \(error)")
            }
        }
        applied.removeAll { replacement, before in
            guard replacement.progress.isRetired else { return false }
            if let call = hands.call(of: before) { world.fail("\(call) runs code that is gone") }
            return true
        }
    }
}
