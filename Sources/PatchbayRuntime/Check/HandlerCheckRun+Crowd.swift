import PatchbayDispatch
import PatchbayEvents
import PatchbayModules

/// Lives whose calls are made by threads of their own: in batches, several at once, and with what a host does beside.
extension HandlerCheckRun {
    /// Threads at once, as far as the handler takes them, and the calls of each.
    static let crowd = (threads: 4, calls: 300)
    /// Calls of `handle_batch`.
    private static let batches = 60

    /// Events of one `handle_batch`, as far as one batch of events goes; 0 without one.
    var batchMax: Int { min(handler.batchMax ?? 0, EventBatch.eventsMax) }

    /// Whether no call is open at the end.
    func crowd(_ loaded: LoadedHandler, _ calls: CallTable, _ completed: Doorbell) throws -> Bool {
        var manner = HandlerCrowd.Manner(seed: seed)
        manner.cancels = life == .cancelled
        if manner.cancels, loaded.handler.cancel == nil { return true }
        if life == .batched { manner.batchMax = batchMax }
        var threads = 1
        if life != .batched {
            threads = handler.concurrency == 0 ? Self.crowd.threads : min(handler.concurrency, Self.crowd.threads)
        }
        var events = DrawnEvents(for: handler, seed: seed)
        let decoder = StoredDecoder()
        var batches: [EventBatch] = []
        for _ in 0..<threads {
            batches.append(try Self.batch(of: (0..<max(1, manner.batchMax)).map { _ in events.next() }, decoder))
        }
        let usual = life == .batched ? "handle_batch" : "handle"
        step(usual)
        var news = life == .reconfigured ? try NewConfigurations(self) : nil
        let crowd = HandlerCrowd(loaded.handler, table: calls, completed: completed, route: "check", manner: manner)
        let hasEnded = try crowd.run(
            batches, calls: news == nil ? (life == .batched ? Self.batches : Self.crowd.calls) : nil,
            budget: 3_000_000_000, patience: 10_000_000_000,
            beside: {
                guard news?.give(to: loaded, for: self) == true else { return false }
                step(usual)
                return true
            },
            cancelling: { cancel in
                step("cancel")
                cancel()
                step(usual)
            })
        guard hasEnded else {
            for batch in batches { _ = Unmanaged.passRetained(batch) }
            find("hang", "has a call that did not end in 10 s")
            return false
        }
        report(loaded.counters)
        return true
    }
}

/// What a running instance is told to become, one after another. It may refuse any, in words.
private struct NewConfigurations {
    private var left = HandlerCheckRun.configurations
    private var drawn: DrawnConfigurations?
    /// What a handler without a schema gets.
    private let usual: Value

    init(_ run: HandlerCheckRun) throws(ModuleError) {
        drawn = try run.drawnConfigurations()
        usual = run.configuration
    }

    /// Whether there are more.
    mutating func give(to loaded: LoadedHandler, for run: HandlerCheckRun) -> Bool {
        guard left > 0 else { return false }
        left -= 1
        guard let configuration = drawn == nil ? usual : drawn?.next() else { return true }
        run.step("reconfigure with \(String(decoding: configuration.json, as: UTF8.self).prefix(300))")
        do throws(ModuleError) {
            try loaded.reconfigure(configuration)
        } catch {
            guard error.code != .reconfigureFailed else { return true }
            run.find(error)
            return false
        }
        return true
    }
}
