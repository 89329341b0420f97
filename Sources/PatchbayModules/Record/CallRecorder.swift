package import CPatchbay
import CPatchbaySystem
import Glibc
package import Logging
import PatchbayEvents
import Synchronization

/// Records calls of a host that runs: each to a file of its own, as it goes on, so that a call which ends the process is
/// there as far as it came. Bounded in calls and bytes; a folder that cannot be written ends the recording, not the call.
package final class CallRecorder: CallWatch {
    /// What is recorded.
    package struct Bounds: Sendable {
        /// The handlers, as routes name them; empty: all that modules have.
        package var handlers: [String] = []
        /// Calls that are recorded.
        package var calls = 100
        /// Of all files together.
        package var bytes = 256 << 20
        /// Calls that end well leave no file and do not count.
        package var isForFailures = false

        package init() {}
    }

    /// What was recorded.
    package struct Progress: Sendable, Equatable {
        package var calls = 0
        package var bytes = 0
        /// Calls whose end is missing, since the bytes ran out.
        package var cut = 0
        /// Why no more is recorded, where a file could not be written.
        package var problem: String?
    }

    private struct State {
        var progress = Progress()
        /// Files that were begun, those that are gone included.
        var files = 0
        /// Calls under way.
        var open = 0
    }

    private let folder: String
    private let bounds: Bounds
    private let hostVersion: String
    private let logger: Logger
    /// In the names of the files, so that those of several runs lie beside each other.
    private let stamp = pbs_unix_now() / 1_000_000
    private let state = Mutex(State())
    private let isOpen = Atomic<Bool>(true)
    /// End the tapes of calls that the host has closed; one for each handler that was made.
    private let looks = Mutex<[@Sendable () -> Void]>([])

    /// Makes the folder, for its owner alone, unless it is there.
    ///
    /// - Errors: `unwritable`.
    package init(
        folder: String, _ bounds: Bounds, hostVersion: String, logger: Logger
    ) throws(ModuleError) {
        self.folder = folder
        self.bounds = bounds
        self.hostVersion = hostVersion
        self.logger = logger
        guard mkdir(folder, 0o700) != 0 else { return }
        let number = errno
        if number == EEXIST, access(folder, W_OK | X_OK) == 0 { return }
        throw ModuleError(
            .unwritable, file: folder, "recordings cannot be written there",
            remedy: "give --record a folder that can be written, or whose parent is there",
            cause: SystemError.message(number))
    }

    package var progress: Progress { state.withLock { $0.progress } }

    // MARK: CallWatch

    package func watches(_ handler: String) -> Bool { bounds.handlers.isEmpty || bounds.handlers.contains(handler) }

    package func looksAfter(_ endClosed: @escaping @Sendable () -> Void) { looks.withLock { $0.append(endClosed) } }

    /// Ends the recordings of calls that the host has closed, and that may never be completed. [any thread]
    package func endClosed() {
        for look in looks.withLock({ $0 }) { look() }
    }

    package var isWatching: Bool { isOpen.load(ordering: .relaxed) }

    package func begin(
        _ subject: CallSubject, _ call: patchbay_call, _ event: UnsafePointer<patchbay_event>
    ) -> CallTape? {
        // They take the room of others.
        endClosed()
        let number: Int? = state.withLock { state in
            guard isWatching, state.progress.calls + state.open < bounds.calls else { return nil }
            state.open += 1
            state.files += 1
            return state.files
        }
        guard let number else { return nil }
        let path = "\(folder)/\(subject.scope.name)-\(stamp)-\(number).jsonl"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            fail(path, errno)
            state.withLock { $0.open -= 1 }
            return nil
        }
        let file = RecordingFile(path: path, descriptor: descriptor, recorder: self)
        file.write(head(subject, event.pointee))
        return CallTape(to: file, redact: subject.shown.redact)
    }

    private func head(_ subject: CallSubject, _ view: patchbay_event) -> Value {
        let manifest = subject.file.manifest
        var members: [(String, Value)] = [
            ("patchbayCall", RecordedValue.number(RecordedCall.version)), ("host", .string(hostVersion)),
            ("time", .string(UnixTime.text(pbs_unix_now()))),
            (
                "module",
                .object([
                    ("name", .string(manifest.name)), ("version", .string(manifest.version)),
                    ("sha256", .string(subject.file.contentHash.hex)), ("file", .string(subject.file.path)),
                    ("isolated", .bool(subject.isIsolated)),
                ])
            ),
            ("handler", .string(subject.scope.name)), ("component", .string(subject.scope.handler)),
            ("configuration", subject.shown.value),
            ("network", .list(subject.network.map { .string($0) })), ("route", RecordedValue.text(view.route)),
            ("attempt", .int(Int64(view.attempt))), ("maxAttempts", .int(Int64(view.max_attempts))),
        ]
        let now = pbs_now()
        if view.deadline_ns != 0 {
            let left = view.deadline_ns > now ? view.deadline_ns - now : 0
            members.append(("deadlineInNanoseconds", RecordedValue.number(left)))
        }
        members.append(("idempotencyKey", RecordedValue.text(view.idempotency_key)))
        if view.traceparent.len > 0 { members.append(("traceparent", RecordedValue.text(view.traceparent))) }
        if view.tracestate.len > 0 { members.append(("tracestate", RecordedValue.text(view.tracestate))) }
        members.append(("event", RecordedValue.event(view)))
        return .object(members)
    }

    // MARK: Files

    /// Room for so many bytes; false when there is none.
    fileprivate func take(_ bytes: Int) -> Bool {
        state.withLock { state in
            guard state.progress.bytes + bytes <= bounds.bytes else { return false }
            state.progress.bytes += bytes
            return true
        }
    }

    /// A call's file is at its end. Whether it is to stay.
    fileprivate func finish(_ kind: OutcomeKind?, bytes: Int, isCut: Bool) -> Bool {
        let stays = !(bounds.isForFailures && !isCut && (kind == .done || kind == .skip))
        let isLast = state.withLock { state in
            state.open -= 1
            if stays {
                state.progress.calls += 1
                if isCut { state.progress.cut += 1 }
            } else {
                state.progress.bytes -= bytes
            }
            return state.progress.calls >= bounds.calls || isCut
        }
        if isLast, isOpen.exchange(false, ordering: .relaxed) {
            logger.notice("recorded as much as was asked for", metadata: ["folder": "\(folder)"])
        }
        return stays
    }

    /// No more is recorded: said once.
    fileprivate func fail(_ path: String, _ number: Int32) {
        let reason = SystemError.message(number)
        state.withLock { $0.progress.problem = "\(path): \(reason)" }
        guard isOpen.exchange(false, ordering: .relaxed) else { return }
        logger.warning("\(path): cannot be written: \(reason); no more calls are recorded")
    }
}

/// The file of one call.
private final class RecordingFile: TapeSink {
    private struct State {
        var bytes = 0
        var descriptor: Int32?
    }

    private let path: String
    private let recorder: CallRecorder
    private let state: Mutex<State>

    init(path: String, descriptor: Int32, recorder: CallRecorder) {
        self.path = path
        self.recorder = recorder
        state = Mutex(State(descriptor: descriptor))
    }

    deinit {
        // A call that never ended.
        if let descriptor = state.withLock({ $0.descriptor }) { close(descriptor) }
    }

    func write(_ entry: Value) {
        append(entry, kind: nil, isLast: false)
    }

    func end(_ outcome: Value, _ kind: OutcomeKind) {
        append(outcome, kind: kind, isLast: true)
    }

    private func append(_ entry: Value, kind: OutcomeKind?, isLast: Bool) {
        let line = entry.json + [0x0A]
        state.withLock { state in
            guard let descriptor = state.descriptor else { return }
            guard recorder.take(line.count) else {
                _ = put(Array("{\"cut\":true}\n".utf8), descriptor)
                return finish(&state, nil, isCut: true)
            }
            state.bytes += line.count
            if let number = put(line, descriptor) {
                recorder.fail(path, number)
                return finish(&state, nil, isCut: true)
            }
            if isLast { finish(&state, kind, isCut: false) }
        }
    }

    private func finish(_ state: inout State, _ kind: OutcomeKind?, isCut: Bool) {
        state.descriptor.map { _ = close($0) }
        state.descriptor = nil
        if !recorder.finish(kind, bytes: state.bytes, isCut: isCut) { unlink(path) }
    }

    /// `nil` when all of it is written, else the system's error number.
    private func put(_ bytes: [UInt8], _ descriptor: Int32) -> Int32? {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return written < 0 ? errno : ENOSPC }
            rest = rest.dropFirst(written)
        }
        return nil
    }
}
