extension Configuration {
    /// Which events go to which handlers, and under which policies.
    package struct Route: Sendable, Equatable {
        package var name = ""
        /// Lower is tried first; equal ones in the file's order.
        package var order = 0
        /// 0 to 9, 9 first, inside a lane.
        package var priority = 5
        /// `*` is one token, `**` the tail; `**` alone takes every type.
        package var type = "**"
        /// All must hold.
        package var filters: [Filter] = []
        /// CEL over `event`; empty takes every event.
        package var match = ExpressionSource("")
        /// What handlers get instead of the event as it came, step by step; empty leaves it as it is.
        package var transform: [TransformStep] = []
        /// Every entry receives; never empty.
        package var to: [Target] = []
        /// Handlers that are tried with its events, without effects.
        package var shadow: [Shadow] = []
        /// Stops the search after this route.
        package var final = false
        package var use = Use()
        package var ordering = Ordering()
        /// `nil` takes every event.
        package var dedup: Deduplication?
        package var deadLetter = DeadLetter()
        package var batching = Batching()
        /// Where the route's name stands.
        package var location = SourceLocation.none

        package init() {}

        /// Every handler that the route may choose, in the order of `to`.
        package var receivers: [Receiver] {
            to.flatMap { target in
                switch target {
                case .handler(let handler): [Receiver(handler: handler, bulkhead: use.bulkhead)]
                case .oneOf(let choices):
                    choices.map { Receiver(handler: $0.handler, bulkhead: $0.use.bulkhead ?? use.bulkhead) }
                }
            }
        }
    }

    /// Knative's filter dialects.
    package indirect enum Filter: Sendable, Equatable {
        case exact([AttributeText])
        case prefix([AttributeText])
        case suffix([AttributeText])
        case all([Filter])
        case any([Filter])
        case not(Filter)
        case cel(ExpressionSource)
        /// CloudEvents SQL; `key` is the dialect's name as written: `cesql` or `sql`.
        case cesql(ExpressionSource, key: String)
    }

    /// A context attribute and the text that it is compared with.
    package struct AttributeText: Sendable, Equatable {
        package var attribute: String
        package var text: String

        package init(attribute: String, text: String) {
            self.attribute = attribute
            self.text = text
        }
    }

    /// One receiver of a route.
    package enum Target: Sendable, Equatable {
        case handler(HandlerReference)
        /// One of these: the first whose condition holds, or else one by weight, sticky by ordering key; at least one
        /// has a condition or a positive weight.
        case oneOf([Choice])

        /// Every handler that this target may choose.
        package var handlers: [HandlerReference] {
            switch self {
            case .handler(let reference): [reference]
            case .oneOf(let choices): choices.map(\.handler)
            }
        }
    }

    /// One entry of `oneOf`.
    package struct Choice: Sendable, Equatable {
        package struct Use: Sendable, Equatable {
            /// `nil` is the route's.
            package var bulkhead: PolicyReference?

            package init() {}
        }

        package var handler: HandlerReference
        /// Its share among those without a condition; 1 for one that has one.
        package var weight = 1
        /// CEL over `event`; empty takes a share of what no condition took.
        package var match = ExpressionSource("")
        package var use = Use()

        package init(handler: HandlerReference, weight: Int = 1) {
            self.handler = handler
            self.weight = weight
        }
    }

    /// A handler of a route, with the bulkhead that it is called under there.
    package struct Receiver: Sendable, Equatable {
        package var handler: HandlerReference
        package var bulkhead: PolicyReference
    }

    /// A handler by name: `module.handler`, the module being an instance's name or `builtin`. As the file has it, it may
    /// end in `@` and a version, and the module may be what the instance's manifest says.
    package struct HandlerReference: Sendable, Equatable {
        package var name: String
        package var location: SourceLocation

        package init(name: String, location: SourceLocation) {
            self.name = name
            self.location = location
        }

        /// What stands before the first dot.
        package var module: String { String(name.prefix { $0 != "." }) }
        /// What stands after the first dot.
        package var handler: String { String(name.drop { $0 != "." }.dropFirst()) }
        /// What stands after the first `@`; `nil` without one.
        package var version: String? { name.firstIndex(of: "@").map { String(name[name.index(after: $0)...]) } }
    }

    /// The policies of a route, by name; each is in the table of its kind.
    package struct Use: Sendable, Equatable {
        package var retry = PolicyReference()
        package var circuitBreaker = PolicyReference()
        package var timeout = PolicyReference()
        package var bulkhead = PolicyReference()
        package var rateLimit = PolicyReference()

        package init() {}
    }

    package struct PolicyReference: Sendable, Equatable {
        package var name: String
        /// Where the route names it; `nil` when it is the default.
        package var location: SourceLocation?

        package init(_ name: String = "default", location: SourceLocation? = nil) {
            self.name = name
            self.location = location
        }
    }

    package struct Ordering: Sendable, Equatable {
        package enum OnFailure: String, Sendable, CaseIterable { case blockKey, skipKey, halt }

        /// CEL over `event`, a list joins; an event without the attribute, or an empty text here, has no order.
        package var key = ExpressionSource("event.partitionkey")
        package var onFailure = OnFailure.blockKey

        package init() {}
    }

    /// Takes events with the same key once.
    package struct Deduplication: Sendable, Equatable {
        /// CEL over `event`, a list joins; an event without the key is always taken.
        package var key = ExpressionSource("[event.source, event.id]")
        /// From the first event of a key on.
        package var window = Duration.seconds(300)

        package init() {}
    }

    /// What becomes of events that handlers of the route give up, beside being kept.
    package struct DeadLetter: Sendable, Equatable {
        /// They come in again as events of this type; empty is not so.
        package var type = ""
        /// How long they are kept; zero is for ever.
        package var retention = Duration.zero

        package init() {}
    }

    package struct Batching: Sendable, Hashable {
        /// Events of one `handle_batch` at most; 1 is no batching.
        package var count = 1
        /// Bytes of one batch at most; 0 is no bound.
        package var byteSize = 0
        /// How long a batch waits to fill; zero takes what is there.
        package var period = Duration.zero

        package init() {}
    }
}
