import PatchbayLog

/// What a replay would deliver: reads only, beside a host as well as without one.
package enum ReplayPreview {
    /// Counts what an order takes.
    ///
    /// - Parameters:
    ///   - handlers: those of the configuration.
    ///   - goesOn: told how far it is; false ends it.
    /// - Throws: what the log has no name for, or that it cannot be read.
    package static func count(
        _ order: ReplayOrder, folder: String, handlers: Set<String>, goesOn: (ReplayProgress) -> Bool
    ) throws(ReplayError) -> ReplayProgress {
        let scan = try scan(order, folder: folder, handlers: handlers)
        var progress = ReplayProgress()
        var place = ReplayPlace()
        while !progress.isAtEnd {
            let step = try scan.step(from: place, ReplayScan.Bounds())
            place = step.place
            progress.counts += step.counts
            progress.share = scan.share(at: step)
            progress.isAtEnd = step.isAtEnd
            guard goesOn(progress) else { break }
        }
        return progress
    }

    /// Throws what the log or the configuration has no name for, or that the log cannot be read.
    ///
    /// - Returns: the first frame that the log does not have yet.
    @discardableResult
    package static func check(
        _ order: ReplayOrder, folder: String, handlers: Set<String>
    ) throws(ReplayError) -> UInt64 {
        try scan(order, folder: folder, handlers: handlers).until
    }

    /// Reads an order's events with their recorded deliveries; where they go is not decided: every place is the first
    /// lane's.
    static func scan(_ order: ReplayOrder, folder: String, handlers: Set<String>) throws(ReplayError) -> ReplayScan {
        if let target = order.target, !handlers.contains(target) {
            throw ReplayError(
                "the configuration has no handler '\(target)'; it has \(handlers.sorted().joined(separator: ", "))")
        }
        let reader: LogReader
        let names: NameTable
        do {
            reader = try LogReader.open(FileStorage("\(folder)/log"))
            names = try StoredEvents.names(folder, reader)
        } catch let error as StorageError {
            throw ReplayError(
                error.isMissing
                    ? "there is no log in \(folder): a run with `log: {backend: file}` writes one there"
                    : error.description)
        } catch {
            throw ReplayError("\(error)")
        }
        let here = DeliveryPlaces.Place(route: 0, lane: 0)
        let known = Set(names.names(.handler).enumerated().filter { handlers.contains($1) }.map { UInt16($0.offset) })
        return try ReplayScan(order, reader, names: names, target: order.target == nil ? nil : here) { _, handler in
            known.contains(handler) ? here : nil
        }
    }
}
