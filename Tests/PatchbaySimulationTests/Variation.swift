import PatchbayConfiguration
import PatchbayResilience

/// How a configuration differs from the others of its run: what was accepted before stays as it was decided then.
struct Variation: OptionSet {
    let rawValue: Int

    /// The route `absent` is not there; in a process that begins so, neither is its handler.
    static let absentGone = Variation(rawValue: 1)
    /// The routes `keyed` and `fan` have other names.
    static let renamed = Variation(rawValue: 2)
    /// Events that no route took go to the handler of `child`, too.
    static let added = Variation(rawValue: 4)
    /// The route `counting` is not there; its handler is, for events that never come.
    static let removed = Variation(rawValue: 8)
    /// The route `fan` goes to one of its handlers; in a process that begins so, the other one is not there.
    static let halved = Variation(rawValue: 16)
    /// The route `keyed` takes what no route took, too.
    static let widened = Variation(rawValue: 32)
    /// The route `dying` takes nothing that comes.
    static let closed = Variation(rawValue: 64)
    /// What no route takes is dropped.
    static let drops = Variation(rawValue: 128)
    /// The route `keyed` has no ordering key.
    static let unkeyed = Variation(rawValue: 256)

    static let count: UInt64 = 512
    /// Those that leave deliveries without a handler.
    static let reducing: Variation = [.absentGone, .halved]
    /// What a running process takes over: its routes and handlers stay.
    private static let reloadable: Variation = [.absentGone, .halved, .widened, .closed, .drops, .unkeyed]

    /// Another one that a process takes over while it runs.
    ///
    /// - Parameter first: what the process began with: what was not there then cannot come.
    func next(_ first: Variation, _ random: inout SeededRandom) -> Variation {
        let free = Self.reloadable.subtracting(first.intersection(.reducing))
        return symmetricDifference(free.intersection(Variation(rawValue: Int(random.upTo(Self.count - 1)))))
    }

    func change(_ configuration: inout Configuration) {
        if contains(.absentGone) { configuration.routes.removeAll { $0.name == Scenario.Part.absent.rawValue } }
        if contains(.drops) { configuration.unmatched = .drop }
        for index in configuration.routes.indices {
            let part = Scenario.Part(rawValue: configuration.routes[index].name)
            change(&configuration.routes[index], of: part)
            if part == .child, contains(.added) {
                var route = configuration.routes[index]
                route.name = Scenario.stray
                route.type = Scenario.stray
                configuration.routes.append(route)
            }
        }
    }

    private func change(_ route: inout Configuration.Route, of part: Scenario.Part?) {
        switch part {
        case .keyed:
            if contains(.renamed) { route.name += "-2" }
            if contains(.widened) {
                route.type = "*"
                route.match = ExpressionSource("event.type == \"\(Scenario.stray)\" || event.type == \"keyed\"")
            }
            if contains(.unkeyed) { route.ordering.key = ExpressionSource("") }
        case .fan:
            if contains(.renamed) { route.name += "-2" }
            if contains(.halved) { route.to.removeFirst() }
        case .counting where contains(.removed):
            route.name = "spare"
            route.type = "spare"
        case .dying where contains(.closed): route.type = "nothing"
        default: break
        }
    }
}

extension Configuration.Route {
    /// The types of events that a route of the simulation takes: those that its condition quotes, or its own.
    var types: [String] {
        guard !match.isEmpty else { return [type] }
        return match.text.split(separator: "\"").enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }
}
