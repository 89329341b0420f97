import CPatchbay
import Logging
import PatchbayEvents
import PatchbayTransfers
import Synchronization

/// How many answers an instance waits for. [any thread]
final class OpenAnswers: Sendable {
    private let count = Atomic<Int>(0)

    var isEmpty: Bool { count.load(ordering: .acquiring) == 0 }
    func begin() { count.wrappingAdd(1, ordering: .relaxed) }
    func end() { count.wrappingSubtract(1, ordering: .releasing) }
}

/// What a host pointer stands for: a module while it is loaded, or one handler instance.
final class HostContext: Sendable {
    let environment: HostEnvironment
    /// `nil` for the host pointer that the entry function gets.
    let scope: HandlerScope?
    /// What it may reach: nothing while the module is loaded.
    let network: NetworkGrant
    let logger: Logger
    let counters: MisbehaviourCounters
    /// `nil` for a handler whose calls nobody watches.
    let tap: CallTap?
    /// Answers that the module has asked for and not got; its instance is not destroyed before.
    let answers = OpenAnswers()
    /// Ends calls in the place of the call table; `nil`, as for all modules: the table does.
    let completion: (@Sendable (patchbay_call, UnsafePointer<patchbay_result>?) -> patchbay_status)?
    /// Whether `create` is running: the only time when instruments may be declared.
    private let creating = Atomic<Bool>(false)
    /// What `create` wants of subscriptions, until the instance is the one that holds. `isOver` once it was created: in
    /// a worker's later lives that is no wish any more.
    private let declared = Mutex<(changes: [SubscriptionChange], isOver: Bool)>(([], false))

    init(
        environment: HostEnvironment, module: String, version: String, scope: HandlerScope?,
        network: NetworkGrant = NetworkGrant(declared: [], granted: []),
        completion: (@Sendable (patchbay_call, UnsafePointer<patchbay_result>?) -> patchbay_status)? = nil,
        tap: CallTap? = nil
    ) {
        self.completion = completion
        self.environment = environment
        self.scope = scope
        self.network = network
        self.tap = tap
        var logger = environment.logger
        logger[metadataKey: "module"] = .string("\(module) \(version)")
        if let scope { logger[metadataKey: "handler"] = .string(scope.name) }
        self.logger = logger
        counters = MisbehaviourCounters()
    }

    var isCreating: Bool {
        get { creating.load(ordering: .acquiring) }
        set {
            // A try that failed wanted nothing.
            if newValue { declared.withLock { if !$0.isOver { $0.changes = [] } } }
            creating.store(newValue, ordering: .releasing)
        }
    }

    /// It was created: what it wanted by then counts once it holds.
    func created() { declared.withLock { $0.isOver = true } }

    /// Whether it was created before, as in a worker's later lives.
    var wasCreated: Bool { declared.withLock { $0.isOver } }

    /// While it is created; false when that is more than `max` wishes.
    func declare(_ change: SubscriptionChange, max: Int) -> Bool {
        declared.withLock { declared in
            guard !declared.isOver else { return true }
            guard declared.changes.count < max else { return false }
            declared.changes.append(change)
            return true
        }
    }

    /// What it wanted while it was created, once.
    func takeDeclared() -> [SubscriptionChange] {
        declared.withLock { declared in
            defer { declared.changes = [] }
            return declared.changes
        }
    }

    /// The scope, or a refusal for what only a handler instance may do.
    func requiredScope() throws(ServiceRefusal) -> HandlerScope {
        guard let scope else { throw .badState }
        return scope
    }

    /// Counts a completion that came to nothing, by what the call table still knows of the call.
    func countStale(_ call: patchbay_call) {
        let calls = environment.calls
        let index = Int(call & 0xFF_FFFF)
        guard index < calls.capacity, call >> 24 != 0 else { return counters.count(.unknownCall) }
        let word = calls.words[index].load(ordering: .acquiring)
        let generation = word >> CallWord.generationShift
        if call >> 24 > generation {
            counters.count(.unknownCall)
        } else if call >> 24 < generation {
            counters.count(.staleCompletion)
        } else {
            counters.count(word & CallWord.closed != 0 ? .completionAfterClose : .doubleCompletion)
        }
    }
}
