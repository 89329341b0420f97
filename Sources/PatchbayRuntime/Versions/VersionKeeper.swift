import CPatchbaySystem
import Logging
import PatchbayConfiguration
import PatchbayDispatch
import PatchbayEvents
import PatchbayModules
import Synchronization

/// Changes the versions of module instances while the host runs, one after the other, and watches new ones for a while.
///
/// A thread of its own does it, from the first request on: loading runs the module's code and may take its time.
final class VersionKeeper: Sendable {
    /// What somebody asks for; the answer is the asker's matter. `nil` is given when the host ends.
    private typealias Request = @Sendable (_ work: inout VersionWork?) -> Void

    /// Where the answer comes in.
    private final class Answer<Value: Sendable>: Sendable {
        private let result = Mutex<Result<Value, VersionError>?>(nil)
        private let bell = Doorbell()

        func give(_ answer: Result<Value, VersionError>) {
            result.withLock { $0 = answer }
            bell.ring()
        }

        func wait() throws(VersionError) -> Value {
            while true {
                if let answer = result.withLock({ $0 }) { return try answer.get() }
                bell.wait(timeout: 0) { result.withLock { $0 != nil } }
            }
        }
    }

    private struct Desk {
        var requests: [Request] = []
        var thread: OwnThread?
        var isClosed = false
    }

    /// What the keeper knows of the instances.
    struct Book {
        /// What ran before.
        var previous: [String: ModuleCatalogue.Instance] = [:]
        /// The contents that the configuration named when it was read last.
        var configured: [String: ContentHash] = [:]
        /// The SHA-256 that it asks for; empty is any.
        var pins: [String: String] = [:]
        /// Nanoseconds after which it is said that a version does not come to its end.
        var patience: UInt64
        var trials: Set<String> = []
        var canaries: [String: RunningCanary] = [:]
        var counts = VersionCounts()
    }

    /// Whose modules may run.
    let trust: ModuleTrust
    let handlers: HandlerSet
    let dispatcher: Dispatcher
    let logger: Logger
    let rule: RollbackRule
    let book: Mutex<Book>
    /// The keeper's thread waits for it.
    let bell = Doorbell()
    private let desk = Mutex(Desk())
    /// Versions that come to their end at a time.
    static let retiringMax = 64

    init(
        handlers: HandlerSet, dispatcher: Dispatcher, configuration: Configuration, trust: ModuleTrust,
        rule: RollbackRule = RollbackRule(), logger: Logger
    ) {
        self.handlers = handlers
        self.dispatcher = dispatcher
        var book = Book(patience: 0)
        book.configured = handlers.present.mapValues(\.instance.file.contentHash)
        book.read(configuration)
        self.book = Mutex(book)
        self.trust = trust
        self.rule = rule
        self.logger = logger
    }

    // MARK: Any thread

    /// Lets an instance run another module file from now on, and returns when new calls do.
    ///
    /// - Parameters:
    ///   - instance: `nil` is the one instance of the file's module.
    ///   - isWatched: the host goes back by itself when calls of the new version fail, see `RollbackRule`.
    ///   - canary: only a share of the calls runs it, until `CanaryRule` decides, or somebody promotes the file without
    ///     a share or rolls the instance back.
    ///   - who: for the log.
    func promote(
        _ file: String, instance: String?, isWatched: Bool, canary: CanaryWish? = nil, by who: String
    ) throws(VersionError) -> VersionChange {
        try counted { (work) throws(VersionError) in
            try work.promote(file, instance: instance, isWatched: isWatched, canary: canary, by: who)
        }
    }

    /// Lets an instance run what it ran before.
    func rollback(_ instance: String, by who: String) throws(VersionError) -> VersionChange {
        try counted { (work) throws(VersionError) in try work.rollback(instance, by: who) }
    }

    /// By name.
    var versions: [RunningVersion] {
        let (previous, trials, canaries) = book.withLock { ($0.previous, $0.trials, $0.canaries) }
        return handlers.present.values.sorted { $0.instance.name < $1.instance.name }.map { version in
            RunningVersion(
                instance: version.instance.name, module: version.instance.file.manifest.name,
                handlers: version.handlers.map(\.scope.handler), present: version.name,
                previous: previous[version.instance.name].map { VersionName($0.file) },
                isOnTrial: trials.contains(version.instance.name), canary: canaries[version.instance.name])
        }
    }

    var counts: VersionCounts {
        var counts = book.withLock { $0.counts }
        let unused = handlers.unused
        counts.unused = unused.files
        counts.unusedBytes = UInt64(unused.bytes)
        return counts
    }

    /// Takes no further request, and waits for the end of what is under way. After the dispatcher's end.
    func end() {
        let thread = desk.withLock { desk in
            desk.isClosed = true
            defer { desk.thread = nil }
            return desk.thread
        }
        bell.ring()
        thread?.join()
    }

    private func counted(
        _ body: @escaping @Sendable (_ work: inout VersionWork) throws(VersionError) -> VersionChange
    ) throws(VersionError) -> VersionChange {
        do throws(VersionError) {
            return try ask(body)
        } catch {
            book.withLock { $0.counts.refused += 1 }
            throw error
        }
    }

    /// Has something done on the keeper's thread, and waits for it.
    func ask<Value: Sendable>(
        _ body: @escaping @Sendable (_ work: inout VersionWork) throws(VersionError) -> Value
    ) throws(VersionError) -> Value {
        let answer = Answer<Value>()
        let request: Request = { work in
            guard var present = work.take() else { return answer.give(.failure(VersionError("the host ends"))) }
            do throws(VersionError) {
                let value = try body(&present)
                answer.give(.success(value))
            } catch {
                answer.give(.failure(error))
            }
            work = consume present
        }
        let problem = desk.withLock { desk -> VersionError? in
            guard !desk.isClosed else { return VersionError("the host ends") }
            do throws(ThreadError) {
                if desk.thread == nil { desk.thread = try OwnThread("pb-versions") { [self] in run() } }
            } catch {
                return VersionError("\(error)")
            }
            desk.requests.append(request)
            return nil
        }
        if let problem { throw problem }
        bell.ring()
        return try answer.wait()
    }

    // MARK: Thread

    private func run() {
        var work: VersionWork? = VersionWork(keeper: self)
        var none: VersionWork?
        while true {
            let (requests, isClosed) = desk.withLock { desk in
                defer { desk.requests = [] }
                return (desk.requests, desk.isClosed)
            }
            for request in requests {
                if isClosed { request(&none) } else { request(&work) }
            }
            if isClosed { break }
            let isWatching = work?.watch() ?? false
            bell.wait(timeout: isWatching ? Self.glance : 0) { desk.withLock { !$0.requests.isEmpty || $0.isClosed } }
        }
        work.take()?.end()
    }

    /// Nanoseconds between looks at new versions.
    private static let glance: UInt64 = 20_000_000
}

extension VersionKeeper.Book {
    /// What a configuration says about versions.
    mutating func read(_ configuration: Configuration) {
        patience = configuration.reload.moduleDrain.nanosecondsForClock
        pins = Dictionary(
            configuration.modules.load.map { ($0.name, $0.sha256) }, uniquingKeysWith: { first, _ in first })
    }
}
