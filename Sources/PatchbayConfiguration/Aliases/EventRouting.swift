/// The section `event_routing` of older configurations, as written. `EventRouting.routes` makes routes of it.
struct EventRouting: Sendable, Equatable {
    enum Strategy: String, Sendable, CaseIterable { case contentBased = "content_based" }
    enum Algorithm: String, Sendable, CaseIterable { case roundRobin = "round_robin" }

    /// One of `routing_rules`.
    struct Rule: Sendable, Equatable {
        var name = ""
        /// In CEL over `event`; empty takes every event.
        var condition = ExpressionSource("")
        var handlers: [Configuration.HandlerReference] = []
        /// 1 goes first; `nil` goes behind all that say it.
        var priority: Int?
        /// Empty takes every region.
        var regions: [String] = []
        var enabled = true
        var location = SourceLocation.none
    }

    struct LoadBalancing: Sendable, Equatable {
        var algorithm = Algorithm.roundRobin
        var enabled = true
    }

    struct PriorityBased: Sendable, Equatable {
        var levels = 5
        var enabled = true
    }

    struct GeographicRouting: Sendable, Equatable {
        var regions: [String] = []
        var enabled = true
    }

    struct Optimization: Sendable, Equatable {
        var loadBalancing: LoadBalancing?
        var priorityBased: PriorityBased?
        var geographicRouting: GeographicRouting?
        /// Where each of the three stands in the file, as a path; by its older name.
        var paths: [Kind: String] = [:]

        enum Kind: String, Sendable, CaseIterable {
            case loadBalancing = "load_balancing"
            case priorityBased = "priority_based"
            case geographicRouting = "geographic_routing"
        }
    }

    var enabled = true
    var strategy = Strategy.contentBased
    var rules: [Rule] = []
    var optimization = Optimization()
}
