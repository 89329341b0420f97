import PatchbayConfiguration

/// How a process's configuration differs from that of others: what was accepted before stays as it was decided then.
struct Variation: OptionSet {
    let rawValue: Int

    /// The route and the handler `absent` are not there.
    static let absentGone = Variation(rawValue: 1)
    /// The routes `keyed` and `fan` have other names.
    static let renamed = Variation(rawValue: 2)
    /// Events that no route took go to the handler of `child`, too.
    static let added = Variation(rawValue: 4)
    /// The route `counting` is not there; its handler is, for events that never come.
    static let removed = Variation(rawValue: 8)

    static let count: UInt64 = 16

    func change(_ configuration: inout Configuration) {
        if contains(.absentGone) { configuration.routes.removeAll { $0.name == Scenario.Part.absent.rawValue } }
        for index in configuration.routes.indices {
            switch Scenario.Part(rawValue: configuration.routes[index].name) {
            case .keyed where contains(.renamed), .fan where contains(.renamed):
                configuration.routes[index].name += "-2"
            case .counting where contains(.removed):
                configuration.routes[index].name = "spare"
                configuration.routes[index].type = "spare"
            case .child where contains(.added):
                var route = configuration.routes[index]
                route.name = Scenario.stray
                route.type = Scenario.stray
                configuration.routes.append(route)
            default: break
            }
        }
    }
}
