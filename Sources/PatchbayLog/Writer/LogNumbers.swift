import PatchbayEvents

/// The log's numbers of a plan's routes and lanes, fixed for a run.
package struct LogNumbers: Sendable {
    /// By the plan's route.
    package var routes: [UInt16]
    /// By the plan's lane: its handler's number.
    package var handlers: [UInt16]
    /// The configuration that decides; `nil` when none is named.
    package var configuration: UInt16?

    package init(routes: [UInt16], handlers: [UInt16]) {
        self.routes = routes
        self.handlers = handlers
    }

    func write(_ batch: EventBatch, to writer: inout ByteWriter) {
        routes.withUnsafeBufferPointer { routes in
            handlers.withUnsafeBufferPointer { handlers in
                guard let routes = routes.baseAddress, let handlers = handlers.baseAddress else { return }
                EventsSection.write(
                    batch, routes: routes, handlers: handlers, configuration: configuration, to: &writer)
            }
        }
    }
}
