import CPatchbaySystem
import PatchbayTelemetry

/// What the engine's thread keeps: the pools, and the transfers that wait or are under way. [the engine's thread]
struct TransferRun {
    private struct Flight {
        let transfer: Transfer
        let submitted: UInt64
        /// `nil`: a probe, which keeps a connection open.
        let completion: TransferEngine.Completion?
        /// libcurl's, once it is under way.
        var handle: OpaquePointer?
    }

    private let loop: TransferLoop
    private let ways: ConnectionWays
    private let registry: MetricsRegistry
    private var pools = ConnectionPools()
    private var flights: [UInt64: Flight] = [:]
    private var lastID: UInt64 = 0
    private var metrics: [ServiceAddress: TransferMetrics] = [:]
    private var answered: [(TransferEngine.Completion, TransferAnswer)] = []
    /// Those whose turn has come.
    private var ready: [UInt64] = []
    /// What is kept of services whose metrics can be found again.
    private static let metricsMax = 1024

    init(loop: TransferLoop, ways: ConnectionWays, metrics: MetricsRegistry) {
        self.loop = loop
        self.ways = ways
        registry = metrics
    }

    /// Lets a new transfer begin, or wait for its turn.
    mutating func admit(_ submission: TransferEngine.Submission) {
        lastID += 1
        let (id, transfer) = (lastID, submission.transfer)
        flights[id] = Flight(
            transfer: transfer, submitted: submission.submitted, completion: submission.completion, handle: nil)
        let now = pbs_now()
        var settings = ways[transfer.service].pool
        // Mail has no request that only keeps a connection open.
        if case .mail = transfer.content { settings.min = 0 }
        if pools.acquire(id, transfer.service, settings, now: now, deadline: transfer.deadline) {
            ready.append(id)
        }
        beginReady()
        measure(transfer.service)
    }

    /// Moves what can be moved, and ends what is over.
    mutating func advance() {
        let now = pbs_now()
        for id in pools.expire(now: now) { expire(id, now) }
        for (service, count) in pools.probes(now: now) {
            for _ in 0..<count { probe(service, now) }
        }
        beginReady()
        loop.perform()
        while let (id, answer) = loop.next() { end(id, answer) }
        beginReady()
    }

    /// Waits until there is something to do.
    func wait() {
        var milliseconds: UInt64 = 60_000
        if let deadline = pools.nextDeadline {
            let now = pbs_now()
            milliseconds = min(milliseconds, deadline > now ? (deadline - now) / 1_000_000 + 1 : 0)
        }
        loop.poll(milliseconds: Int32(milliseconds))
    }

    /// Ends everything.
    mutating func cancelAll() {
        for (_, flight) in flights.sorted(by: { $0.key < $1.key }) {
            if let handle = flight.handle { loop.cancel(handle) }
            guard let completion = flight.completion else { continue }
            var answer = TransferAnswer(.cancelled, "the host is stopping")
            answer.isUnsent = flight.handle == nil
            answered.append((completion, answer))
        }
        flights = [:]
    }

    /// What is to be answered, in the order of ending.
    mutating func takeAnswered() -> [(TransferEngine.Completion, TransferAnswer)] {
        defer { answered = [] }
        return answered
    }

    // MARK: Private

    private mutating func beginReady() {
        let now = pbs_now()
        // One that ends at once makes the next one ready.
        while !ready.isEmpty {
            let turns = ready
            ready = []
            for id in turns { begin(id, now) }
        }
    }

    private mutating func begin(_ id: UInt64, _ now: UInt64) {
        guard let flight = flights[id] else { return }
        if flight.completion != nil { measured(flight.transfer.service).waited(now - min(now, flight.submitted)) }
        guard flight.transfer.deadline > now else {
            return end(id, TransferAnswer(.timeout, "the time was up before a connection was free"))
        }
        let way = ways[flight.transfer.service]
        let timeout = flight.transfer.deadline - now
        guard let handle = loop.begin(flight.transfer, id, way: way, timeout: timeout) else {
            return end(id, TransferAnswer(.memory, "libcurl did not take the request"))
        }
        flights[id]?.handle = handle
    }

    /// Ends a transfer that held a connection, and lets the next one begin.
    private mutating func end(_ id: UInt64, _ answer: TransferAnswer) {
        guard let flight = flights.removeValue(forKey: id) else { return }
        let service = flight.transfer.service
        let now = pbs_now()
        if flight.handle != nil { measured(service).connected(answer) }
        if let completion = flight.completion {
            measured(service).ended(answer, after: now - min(now, flight.submitted))
            answered.append((completion, answer))
        }
        if let next = pools.release(service) { ready.append(next) }
        measure(service)
    }

    private mutating func expire(_ id: UInt64, _ now: UInt64) {
        guard let flight = flights.removeValue(forKey: id), let completion = flight.completion else { return }
        let service = flight.transfer.service
        let pool = ways[service].pool
        let patience = flight.transfer.deadline - min(flight.transfer.deadline, flight.submitted)
        let answer =
            patience <= pool.acquireTimeout
            ? TransferAnswer(.timeout, "the time was up before a connection was free")
            : TransferAnswer(
                .noConnection, "none of the \(pool.max) connections to \(service) became free in time")
        measured(service).ended(answer, after: now - min(now, flight.submitted))
        answered.append((completion, answer))
        measure(service)
    }

    /// Keeps one more connection open. `OPTIONS *` is the no-op of HTTP (RFC 9110, 9.3.7).
    private mutating func probe(_ service: ServiceAddress, _ now: UInt64) {
        lastID += 1
        var request = Transfer.Request(method: "OPTIONS", url: "\(service)/")
        request.target = "*"
        do throws(TransferError) {
            let transfer = try Transfer(request, deadline: now + ways[service].connectTimeout)
            flights[lastID] = Flight(transfer: transfer, submitted: now, completion: nil, handle: nil)
            ready.append(lastID)
        } catch {
            // The address is one of a transfer that was taken, so this is not reached; the place is free again.
            if let next = pools.release(service) { ready.append(next) }
        }
    }

    private mutating func measured(_ service: ServiceAddress) -> TransferMetrics {
        if let known = metrics[service] { return known }
        if metrics.count >= Self.metricsMax { metrics = [:] }
        let made = TransferMetrics(service, registry)
        metrics[service] = made
        return made
    }

    private mutating func measure(_ service: ServiceAddress) {
        let metrics = measured(service)
        metrics.inUse.set(Double(pools.inUse(service)))
        metrics.waiting.set(Double(pools.waiting(service)))
    }
}
