import CPatchbaySystem
import Glibc
import PatchbayDispatch
import PatchbayEvents
import Synchronization

/// Appends dead letters to a file of JSON lines, on a thread of its own, and tells the dispatcher once each is written.
///
/// A disk that refuses costs nothing but time: what is not written stays here, up to a bound, and its delivery stays
/// pending in the log, which makes sources wait once it is full. The error is reported when it appears and when it is
/// over, and writing is tried again every second. After three tries the letters no longer keep a run from ending.
final class DeadLetterWriter: Sendable {
    private struct State {
        var waiting: [DeadLetter] = []
        /// Of what waits.
        var bytes = 0
        var isWriting = false
        var isEnding = false
        var hasEnded = false
        /// Tries since the last one that went well.
        var failures = 0
        /// What went wrong with the last one of them.
        var problem: String?
        var written: UInt64 = 0
    }

    let path: String
    private let historyPath: String
    private let state = Mutex(State())
    private let bell = Doorbell()
    private let buried: @Sendable (UInt32) -> Void
    private let report: @Sendable (String) -> Void
    private let thread = Mutex<OwnThread?>(nil)
    private static let failuresMax = 3
    private static let lettersMax = 1024
    private static let bytesMax = 4 << 20
    /// How long `end` waits for a disk that does not answer.
    private static let endPatience: UInt64 = 2_000_000_000

    /// - Parameters:
    ///   - buried: told of each letter that is written, on the writer's thread.
    ///   - report: told of the disk's errors and of their end.
    init(
        path: String, buried: @escaping @Sendable (UInt32) -> Void, report: @escaping @Sendable (String) -> Void
    ) {
        self.path = path
        historyPath = (path.hasSuffix(".jsonl") ? String(path.dropLast(6)) : path) + ".attempts.jsonl"
        self.buried = buried
        self.report = report
    }

    func start() throws(ThreadError) {
        let started = try OwnThread("pb-deadletter") { self.run() }
        thread.withLock { $0 = started }
    }

    /// Whether another letter may be added; again so once some are written. [dispatcher]
    var hasRoom: Bool { state.withLock { $0.waiting.count < Self.lettersMax && $0.bytes < Self.bytesMax } }

    /// Takes a letter, while there is room. [dispatcher]
    func add(_ letter: DeadLetter) {
        state.withLock { state in
            state.waiting.append(letter)
            state.bytes += letter.byteCount
        }
        bell.ring()
    }

    /// Whether letters are on their way; not those that the disk has refused several times.
    var isBusy: Bool {
        state.withLock { $0.failures < Self.failuresMax && ($0.isWriting || !$0.waiting.isEmpty) }
    }
    var written: UInt64 { state.withLock { $0.written } }
    /// Why letters that wait are not written; `nil` while the disk takes them.
    var problem: String? { state.withLock { $0.problem } }

    /// Ends the thread; the deliveries of what is not written are pending. A thread that the disk holds up is given up.
    func end() {
        state.withLock { $0.isEnding = true }
        bell.ring()
        if let thread = thread.withLock({ $0.take() }) {
            let until = pbs_now() + Self.endPatience
            while !state.withLock({ $0.hasEnded }), pbs_now() < until { usleep(1_000) }
            if state.withLock({ $0.hasEnded }) { thread.join() } else { thread.detach() }
        }
    }

    // MARK: Thread

    private func run() {
        defer { state.withLock { $0.hasEnded = true } }
        var failing = false
        // How many of the first waiting letters have their attempts written already.
        var recorded = 0
        while true {
            let (letters, isEnding) = state.withLock { state in
                state.isWriting = !state.waiting.isEmpty
                return (state.waiting, state.isEnding)
            }
            if isEnding { return state.withLock { $0.isWriting = false } }
            if letters.isEmpty {
                bell.wait(timeout: 0) { self.state.withLock { !$0.waiting.isEmpty || $0.isEnding } }
                continue
            }
            let problem = write(letters, &recorded)
            if let problem {
                if !failing { report("\(problem); dead letters wait until it works again") }
                failing = true
                state.withLock { state in
                    state.isWriting = false
                    state.failures += 1
                    state.problem = problem
                }
                // Only the end of the run, not a new letter, cuts this wait short.
                bell.wait(spins: 0, timeout: 1_000_000_000) { self.state.withLock { $0.isEnding } }
                continue
            }
            if failing { report("dead letters are written again to \(path)") }
            failing = false
            state.withLock { state in
                state.waiting.removeFirst(letters.count)
                state.bytes -= letters.reduce(0) { $0 + $1.byteCount }
                state.written += UInt64(letters.count)
                state.failures = 0
                state.problem = nil
            }
            recorded = 0
            for letter in letters { buried(letter.delivery) }
            state.withLock { $0.isWriting = false }
        }
    }

    /// What went wrong; `nil` when everything is written.
    private func write(_ letters: [DeadLetter], _ recorded: inout Int) -> String? {
        var histories: [UInt8] = []
        for letter in letters[recorded...] where !letter.history.isEmpty { histories += letter.history + [0x0A] }
        if let problem = AppendedFile.append(histories, to: historyPath) { return problem }
        // Tried again, the letters alone are written.
        recorded = letters.count
        var lines: [UInt8] = []
        for letter in letters { lines += letter.line + [0x0A] }
        return AppendedFile.append(lines, to: path)
    }
}

extension DeadLetter {
    /// Memory that it takes while it waits, roughly.
    fileprivate var byteCount: Int { line.count + history.count + 256 }
}

/// Whole records at the end of a file.
enum AppendedFile {
    /// Appends all bytes or, as far as the file system lets it, none; what went wrong, or `nil`.
    static func append(_ bytes: [UInt8], to path: String) -> String? {
        guard !bytes.isEmpty else { return nil }
        let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { return "cannot open \(path): \(String(cString: strerror(errno)))" }
        defer { close(file) }
        let before = lseek(file, 0, SEEK_END)
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(file, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let problem = "cannot write \(path): \(String(cString: strerror(errno)))"
                // A half record at the end would spoil the next one.
                if before >= 0 { ftruncate(file, before) }
                return problem
            }
            written += count
        }
        return nil
    }
}
