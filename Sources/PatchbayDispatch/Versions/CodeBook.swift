import PatchbayEvents

/// Which code the lanes' next calls run, and what became of the calls of each. Belongs to the dispatcher's thread.
///
/// Code is numbered; a call keeps the number that it started with. A number is given again once no call has it.
struct CodeBook: ~Copyable {
    /// Lane by lane, for the next call.
    private(set) var ofLane: ContiguousArray<UInt16>
    /// What workers read. A number is written before the first call that has it is handed over, and after the last call
    /// that had it before was settled.
    private let codes: UnsafeMutablePointer<HandlerCode>
    let counts: ReservedArray<CodeCounts>
    /// By number; they keep their instances alive.
    private var handlers: ContiguousArray<Handler?>
    private var free: ContiguousArray<UInt16> = []
    /// How the current code of a lane stood earlier: twice the pace ago at most, once the pace ago at least.
    private var marks: ContiguousArray<(older: CodeCounts, newer: CodeCounts)>
    private var marksDue: UInt64 = 0
    /// Nanoseconds.
    private static let markPace: UInt64 = 10_000_000_000
    /// Lane by lane, code that runs a share of the calls: of 10,000; 0 is none.
    private var canaries: ContiguousArray<(code: UInt16, share: UInt32)>
    /// Some lane has a canary.
    private(set) var isComparing = false

    /// `codes` has the lanes' own code, lane by lane.
    init(_ lanes: [LanePlan], codes: UnsafeMutablePointer<HandlerCode>) {
        precondition(lanes.count <= HandlerCode.capacity, "more lanes than calls can name")
        self.codes = codes
        counts = ReservedArray(capacity: HandlerCode.capacity)
        ofLane = ContiguousArray(lanes.indices.map { UInt16($0) })
        handlers = ContiguousArray(lanes.map(\.handler))
        marks = ContiguousArray(repeating: (CodeCounts(), CodeCounts()), count: lanes.count)
        canaries = ContiguousArray(repeating: (0, 0), count: lanes.count)
    }

    func handler(_ code: UInt16) -> Handler {
        guard let handler = handlers[Int(code)] else { preconditionFailure("a call names code that is gone") }
        return handler
    }

    /// All that calls run or may run.
    var living: [Handler] { handlers.compactMap(\.self) }

    /// What the lane's next call runs.
    func handler(ofLane lane: Int) -> Handler { handler(ofLane[lane]) }

    /// Whether so many versions can be added.
    func hasRoom(for count: Int) -> Bool { free.count + HandlerCode.capacity - handlers.count >= count }

    /// The lane's next calls run `handler`; there is room. Returns the code before, which stays until `retire`.
    mutating func change(lane: Int, to handler: Handler) -> UInt16 {
        let before = ofLane[lane]
        ofLane[lane] = add(handler)
        marks[lane] = (CodeCounts(), CodeCounts())
        return before
    }

    private mutating func add(_ handler: Handler) -> UInt16 {
        let code = free.popLast() ?? UInt16(handlers.count)
        if Int(code) == handlers.count { handlers.append(handler) } else { handlers[Int(code)] = handler }
        (codes + Int(code)).initialize(to: HandlerCode(handler))
        counts[Int(code)] = CodeCounts()
        return code
    }

    // MARK: Canaries

    func hasCanary(_ lane: Int) -> Bool { canaries[lane].share > 0 }

    /// Of 10,000 of the lane's next calls so many run `handler`; there is room. Returns its number.
    mutating func addCanary(lane: Int, _ handler: Handler, share: UInt32) -> UInt16 {
        let code = add(handler)
        canaries[lane] = (code, share)
        isComparing = true
        return code
    }

    /// All of the lane's next calls run the canary, or none. Returns the code that none runs from now on.
    mutating func concludeCanary(lane: Int, promotes: Bool) -> UInt16 {
        let canary = canaries[lane].code
        canaries[lane] = (0, 0)
        isComparing = canaries.contains { $0.share > 0 }
        guard promotes else { return canary }
        let before = ofLane[lane]
        ofLane[lane] = canary
        marks[lane] = (CodeCounts(), CodeCounts())
        return before
    }

    /// What a call of the lane runs: events of one key (any number that stays with the event) always the same.
    func code(ofLane lane: Int, key: UInt64) -> UInt16 {
        let canary = canaries[lane]
        guard canary.share > 0 else { return ofLane[lane] }
        return KeyShare.takes(key, share: canary.share, of: .canaries) ? canary.code : ofLane[lane]
    }

    /// No call has the code any more and none will: its number is free.
    mutating func retire(_ code: UInt16) {
        precondition(counts[Int(code)].open == 0, "code with open calls is not gone")
        handlers[Int(code)] = nil
        free.append(code)
    }

    /// What became of the lane's calls in the last ten to twenty seconds; of a younger version, of all.
    func recent(ofLane lane: Int) -> CodeCounts { counts[Int(ofLane[lane])] - marks[lane].older }

    /// Remembers how everything stands, now and then.
    mutating func mark(now: UInt64) {
        guard now >= marksDue else { return }
        marksDue = now + Self.markPace
        for lane in marks.indices { marks[lane] = (marks[lane].newer, counts[Int(ofLane[lane])]) }
    }
}
