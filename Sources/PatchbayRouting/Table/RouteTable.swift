package import PatchbayEvents
import PatchbayExpressions

/// All routes, compiled: immutable, shared by the matchers of all threads.
///
/// Routes are tried in `order`, equal ones as given. Deliveries name a route by its index in `routes`.
package final class RouteTable: @unchecked Sendable {
    // Invariant: everything, also behind the pointers, is written by `init` and only read afterwards.

    /// As given to `init`.
    package let routes: [Route]
    /// Room that one event's deliveries need at most.
    package let deliveriesPerEventMax: Int
    let seed: KeySeed
    let typeSlot: Int
    /// Slots of the attributes that filters name, for explanations.
    let attributeSlots: [String: Int]
    /// Handlers, by the highest index.
    let handlerCount: Int

    /// In the order of trying; the same indices as `records`.
    let patterns: [TypePattern?]
    /// The same.
    let requirements: [[Requirement]]
    let ranges: [[RangeRequirement]]
    /// Owned.
    let compiled: CompiledRoutes
    private let conditionCount: Int
    private let queryCount: Int
    private let keyCount: Int
    private let texts: UnsafeMutablePointer<UInt8>

    /// - Parameters:
    ///   - plan: the plan that the conditions and keys were compiled with; receives the slots of filters, too.
    ///   - seed: random, of this process, the same for all of its tables.
    /// - Throws: the first fault, with the route's name.
    package init(_ routes: [Route], plan: FieldPlan, seed: KeySeed) throws(RoutingError) {
        if routes.count > Int(UInt16.max) {
            throw RoutingError(code: .tooMany, message: "\(routes.count) routes; at most \(UInt16.max) are possible")
        }
        for route in routes { try RouteTable.check(route) }
        var builder = RouteTableBuilder(plan: plan)
        let sorted = routes.indices.sorted { (routes[$0].order, $0) < (routes[$1].order, $1) }
        let records = sorted.map { builder.record(routes[$0], index: $0) }
        self.routes = routes
        self.seed = seed
        typeSlot = plan.slot(of: ["type"])
        attributeSlots = builder.attributeSlots
        patterns = sorted.map { routes[$0].type }
        requirements = builder.requirements
        ranges = builder.ranges
        let handlers = Set(builder.choices.map(\.handler))
        handlerCount = Int(handlers.max() ?? 0) + 1
        deliveriesPerEventMax = min(handlers.count, builder.targets.count)
        keyCount = builder.keys.count
        conditionCount = builder.conditions.count
        queryCount = builder.queries.count
        let texts = UnsafeMutablePointer.copy(of: builder.texts)
        self.texts = texts
        compiled = CompiledRoutes(
            seed: seed, typeSlot: typeSlot, sourceSlot: plan.slot(of: ["source"]), idSlot: plan.slot(of: ["id"]),
            records: .copy(of: records), targets: .copy(of: builder.targets), choices: .copy(of: builder.choices),
            filters: .copy(of: builder.filters.map { $0.placed(texts: texts) }),
            conditions: .copy(of: builder.conditions.map { .passRetained(CompiledRoutes.Condition($0)) }),
            queries: .copy(of: builder.queries.map { .passRetained(CompiledRoutes.Query($0)) }),
            keys: .copy(of: builder.keyRecords), keyFields: .copy(of: builder.keyFields),
            computedKeys: .copy(of: builder.keys.map { .passRetained(CompiledRoutes.ComputedKey($0)) }))
    }

    deinit {
        for index in 0..<conditionCount { compiled.conditions[index].release() }
        for index in 0..<queryCount { compiled.queries[index].release() }
        for index in 0..<keyCount { compiled.computedKeys[index].release() }
        compiled.records.deallocate()
        compiled.targets.deallocate()
        compiled.choices.deallocate()
        compiled.filters.deallocate()
        compiled.conditions.deallocate()
        compiled.queries.deallocate()
        compiled.keys.deallocate()
        compiled.keyFields.deallocate()
        compiled.computedKeys.deallocate()
        texts.deallocate()
    }

    /// Routes whose pattern takes the type, as indices into `records`, in the order of trying.
    func candidates(type: UnsafeRawBufferPointer, each body: (UInt16) -> Void) {
        for index in patterns.indices where patterns[index]?.matches(type) ?? true { body(UInt16(index)) }
    }

    private static func check(_ route: Route) throws(RoutingError) {
        if route.targets.isEmpty {
            throw RoutingError(code: .targets, message: "it has no receiver", route: route.name)
        }
        for target in route.targets where ChoiceOrder(target.choices).isEmpty {
            throw RoutingError(code: .targets, message: "a choice needs a weight above 0", route: route.name)
        }
    }
}

extension UnsafeMutablePointer {
    /// A copy on the heap; also an empty one is allocated.
    fileprivate static func copy(of elements: [Pointee]) -> UnsafeMutablePointer {
        let copy = allocate(capacity: Swift.max(1, elements.count))
        copy.initialize(from: elements, count: elements.count)
        return copy
    }
}
