import CPatchbaySystem
import Logging
import PatchbayDispatch
import PatchbayEvents
import PatchbayModules
import Synchronization

/// Changes the versions of module instances while the host runs, one after the other, and watches new ones for a while.
///
/// A thread of its own does it, from the first request on: loading runs the module's code and may take its time.
final class VersionKeeper: Sendable {
    /// What somebody asks for, and the answer.
    private final class Request: Sendable {
        enum Wish: Sendable {
            case promote(file: String, instance: String?, isWatched: Bool)
            case rollback(instance: String)
        }

        let wish: Wish
        let who: String
        private let answer = Mutex<Result<VersionChange, VersionError>?>(nil)
        private let bell = Doorbell()

        init(_ wish: Wish, by who: String) {
            self.wish = wish
            self.who = who
        }

        func reply(_ result: Result<VersionChange, VersionError>) {
            answer.withLock { $0 = result }
            bell.ring()
        }

        func wait() throws(VersionError) -> VersionChange {
            while true {
                if let answer = answer.withLock({ $0 }) { return try answer.get() }
                bell.wait(timeout: 0) { answer.withLock { $0 != nil } }
            }
        }
    }

    private struct Desk {
        var requests: [Request] = []
        var thread: OwnThread?
        var isClosed = false
    }

    /// What runs before, by instance; which are watched; how often what happened.
    struct Book {
        var previous: [String: ModuleCatalogue.Instance] = [:]
        var trials: Set<String> = []
        var counts = VersionCounts()
    }

    let handlers: HandlerSet
    let dispatcher: Dispatcher
    let logger: Logger
    let rule: RollbackRule
    /// Nanoseconds after which it is said that a version does not come to its end.
    let patience: UInt64
    /// Pinned contents, by instance.
    let pins: [String: String]
    let book = Mutex(Book())
    /// The keeper's thread waits for it.
    let bell = Doorbell()
    private let desk = Mutex(Desk())
    /// Versions that come to their end at a time.
    static let retiringMax = 64

    init(
        handlers: HandlerSet, dispatcher: Dispatcher, pins: [String: String], patience: UInt64,
        rule: RollbackRule = RollbackRule(), logger: Logger
    ) {
        self.handlers = handlers
        self.dispatcher = dispatcher
        self.pins = pins
        self.patience = patience
        self.rule = rule
        self.logger = logger
    }

    // MARK: Any thread

    /// Lets an instance run another module file from now on, and returns when new calls do.
    ///
    /// - Parameters:
    ///   - instance: `nil` is the one instance of the file's module.
    ///   - isWatched: the host goes back by itself when calls of the new version fail, see `RollbackRule`.
    ///   - who: for the log.
    func promote(
        _ file: String, instance: String?, isWatched: Bool, by who: String
    ) throws(VersionError) -> VersionChange {
        try ask(Request(.promote(file: file, instance: instance, isWatched: isWatched), by: who))
    }

    /// Lets an instance run what it ran before.
    func rollback(_ instance: String, by who: String) throws(VersionError) -> VersionChange {
        try ask(Request(.rollback(instance: instance), by: who))
    }

    /// By name.
    var versions: [RunningVersion] {
        let (previous, trials) = book.withLock { ($0.previous, $0.trials) }
        return handlers.present.values.sorted { $0.instance.name < $1.instance.name }.map { version in
            RunningVersion(
                instance: version.instance.name, module: version.instance.file.manifest.name,
                handlers: version.handlers.map(\.scope.handler), present: version.name,
                previous: previous[version.instance.name].map { VersionName($0.file) },
                isOnTrial: trials.contains(version.instance.name))
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

    private func ask(_ request: Request) throws(VersionError) -> VersionChange {
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
        return try request.wait()
    }

    // MARK: Thread

    private func run() {
        var work = VersionWork(keeper: self)
        while true {
            let (requests, isClosed) = desk.withLock { desk in
                defer { desk.requests = [] }
                return (desk.requests, desk.isClosed)
            }
            for request in requests {
                guard !isClosed else {
                    request.reply(.failure(VersionError("the host ends")))
                    continue
                }
                do throws(VersionError) {
                    let change =
                        switch request.wish {
                        case .promote(let file, let instance, let isWatched):
                            try work.promote(file, instance: instance, isWatched: isWatched, by: request.who)
                        case .rollback(let instance): try work.rollback(instance, by: request.who)
                        }
                    request.reply(.success(change))
                } catch {
                    book.withLock { $0.counts.refused += 1 }
                    request.reply(.failure(error))
                }
            }
            if isClosed { break }
            let isWatching = work.watch()
            bell.wait(timeout: isWatching ? Self.glance : 0) { desk.withLock { !$0.requests.isEmpty || $0.isClosed } }
        }
        work.end()
    }

    /// Nanoseconds between looks at new versions.
    private static let glance: UInt64 = 20_000_000
}
