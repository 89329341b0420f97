import PatchbayLog

/// Where a run's replays read, and where their deliveries go.
struct ReplaySite: Sendable {
    let writer: LogWriter
    let places: DeliveryPlaces
    /// The run's routes and, by lane, handlers.
    let names: (routes: [String], handlers: [String])

    /// Of a handler's deliveries by a route, with default policies where the run has no such route.
    func place(ofHandler handler: String, route: String? = nil) throws(ControlFailure) -> DeliveryPlaces.Place {
        let numbers = writer.numbers
        guard let lane = names.handlers.firstIndex(of: handler), !handler.isEmpty,
            let place = places.place(
                route: route.flatMap { names.routes.firstIndex(of: $0) }.map { numbers.routes[$0] } ?? .max,
                handler: numbers.handlers[lane])
        else {
            let known = Set(names.handlers).filter { !$0.isEmpty }.sorted().joined(separator: ", ")
            throw ControlFailure(.handler, "the host that runs has no handler '\(handler)'; it has \(known)")
        }
        return place
    }

    /// Reads what a replay delivers again. Not on the dispatcher's thread.
    ///
    /// - Parameter until: the first frame that is too new; `nil` is what comes next.
    func scan(_ order: ReplayOrder, until: UInt64? = nil) throws(ControlFailure) -> ReplayScan {
        let target = try order.target.map { name throws(ControlFailure) in try place(ofHandler: name) }
        guard let known = writer.ask({ $0.names }) else { throw ControlFailure(.ending, "the host ends") }
        do {
            return try ReplayScan(order, writer.reader, names: known, until: until, target: target) { [places] in
                places.place(route: $0, handler: $1)
            }
        } catch {
            throw ControlFailure(.replay, error.description)
        }
    }
}
