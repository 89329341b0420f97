import CPatchbay
import CPatchbaySystem
import Glibc
import Logging
import PatchbayDispatch
package import PatchbayEvents
package import PatchbayModules
import PatchbayRouting
import PatchbayTelemetry
import Synchronization

/// Makes a recorded call again: loads a module, makes the handler with the recorded configuration and hands it the
/// recorded event, with what services answered then. In a process of its own, which the module may end.
///
/// [the process's first thread]
package struct RerunTrial {
    private let recording: RecordedCall
    private let module: String
    private let configuration: Value
    private let timeout: UInt64
    private let stops: Bool
    private let staging: StagingDirectory
    private let say: @Sendable (RerunLine) -> Void

    /// How long threads and answers have to end after the call, in nanoseconds.
    private static let endPatience: UInt64 = 5_000_000_000

    /// - Parameters:
    ///   - module: the path of the build to run.
    ///   - configuration: the recorded one, or with other values.
    ///   - timeout: nanoseconds for the call; 0 is no limit.
    ///   - stops: a debugger is to stop right before the handler's code.
    ///   - staging: whoever watches the process removes it.
    package init(
        _ recording: RecordedCall, module: String, configuration: Value, timeout: UInt64, stops: Bool,
        staging: StagingDirectory, say: @escaping @Sendable (RerunLine) -> Void
    ) {
        self.recording = recording
        self.module = module
        self.configuration = configuration
        self.timeout = timeout
        self.stops = stops
        self.staging = staging
        self.say = say
    }

    package func run() {
        let completed = Doorbell()
        let table = CallTable(capacity: 2, doorbell: completed)
        let answers = RecordedAnswers(recording)
        let watch = RerunWatch(answers, stops: stops, redact: redaction, say: say)
        var environment = HostEnvironment(
            version: "rerun", calls: table, logger: Logger(label: "patchbay"),
            spans: HandlerSpans(tracer: .off(ids: IDGenerator(seed: 1))), metrics: MetricsRegistry())
        environment.typeMatcher = TypePattern.matcher
        let scope = HandlerScope(name: recording.handler)
        for (key, value, revision) in answers.stateBefore {
            environment.state.restore(
                StateStore.Change(
                    scope: scope, key: key, value: value, revision: revision, expires: 0, origin: .unknown))
        }
        let loader = ModuleLoader(staging: staging, environment: environment, watch: watch)
        let loaded: LoadedHandler
        do throws(ModuleError) {
            loaded = try load(scope, loader)
        } catch {
            return say(.refused("\(error)"))
        }
        say(.step("handle"))
        let hasReturned: Bool
        do throws(ThreadError) {
            hasReturned = try call(loaded.handler, table, watch)
        } catch {
            return say(.refused("\(error)"))
        }
        guard watch.hasEnded, hasReturned else {
            if !watch.hasEnded { say(.late) }
            return say(.end)
        }
        let until = pbs_now() + Self.endPatience
        while loaded.awaitsAnswers, pbs_now() < until { usleep(1_000) }
        end(loaded, loader)
    }

    /// Takes values that the recording withholds and that are given now out of texts, as they are there.
    private var redaction: @Sendable (String) -> String {
        var texts: [String] = []
        Self.collect(recording.configuration, configuration, into: &texts)
        let longest = texts.sorted { $0.utf8.count > $1.utf8.count }
        return { text in longest.reduce(text) { $0.replacing($1, with: RecordedValue.redacted) } }
    }

    private static func collect(_ recorded: Value, _ given: Value, into texts: inout [String]) {
        switch (recorded, given) {
        case (.string(RecordedValue.redacted), .string(let text)) where text.count >= 4: texts.append(text)
        case (.list(let recorded), .list(let given)):
            for (one, other) in zip(recorded, given) { collect(one, other, into: &texts) }
        case (.map(let recorded), .map(let given)):
            for entry in recorded.entries { given[entry.key].map { collect(entry.value, $0, into: &texts) } }
        default: return
        }
    }

    private func load(_ scope: HandlerScope, _ loader: ModuleLoader) throws(ModuleError) -> LoadedHandler {
        say(.step("load"))
        let file: ModuleFile
        switch ModuleScanner().inspect(file: module) {
        case .accepted(let accepted): file = accepted
        case .rejected(let error): throw error
        }
        say(
            .module(
                .object([
                    ("name", .string(file.manifest.name)), ("version", .string(file.manifest.version)),
                    ("sha256", .string(file.contentHash.hex)), ("file", .string(module)),
                ])))
        let code = try loader.load(file)
        say(.step("create"))
        let network = recording.head.list("network").compactMap { pattern in
            if case .string(let text) = pattern { text } else { nil }
        }
        return try code.makeHandler(
            scope.handler, instance: scope.instance, configuration: configuration, network: network)
    }

    /// Makes the call on a thread of its own and waits for its end; whether `handle` has returned.
    private func call(_ handler: Handler, _ table: CallTable, _ watch: RerunWatch) throws(ThreadError) -> Bool {
        let call = table.arm(0)
        let now = pbs_now()
        let deadline = recording.head.number("deadlineInNanoseconds").map { now + $0 } ?? 0
        RecordedView.fill(table.views, from: recording, deadline: deadline)
        let returned = Returned()
        let thread = try OwnThread("pb-rerun") {
            _ = HandlerMessage.take()
            let status = handler.handle(handler.instance, call, UnsafePointer(table.views))
            _ = table.returned(0, call, status) { HandlerMessage.take() }
            returned.flag.store(true, ordering: .releasing)
            watch.bell.ring()
        }
        let limit = timeout == 0 ? UInt64.max : now &+ timeout
        while !(watch.hasEnded && returned.flag.load(ordering: .acquiring)), pbs_now() < limit {
            watch.bell.wait(timeout: 100_000_000) { watch.hasEnded && returned.flag.load(ordering: .acquiring) }
        }
        guard returned.flag.load(ordering: .acquiring) else {
            thread.detach()
            return false
        }
        thread.join()
        return true
    }

    private final class Returned: Sendable {
        let flag = Atomic<Bool>(false)
    }

    private func end(_ loaded: LoadedHandler, _ loader: ModuleLoader) {
        say(.step("drain"))
        do throws(ModuleError) {
            try loaded.drain(deadline: pbs_now() + Self.endPatience)
        } catch {
            Logger(label: "patchbay").error("\(error)")
        }
        say(.step("destroy"))
        loaded.destroy()
        say(.step("shutdown"))
        _ = loader.close(deadline: pbs_now() + Self.endPatience)
        say(.end)
    }
}

/// A recorded event where a handler can read it. The memory is never freed: there is one a process.
private enum RecordedView {
    static func fill(_ view: UnsafeMutablePointer<patchbay_event>, from recording: RecordedCall, deadline: UInt64) {
        let (head, event) = (recording.head, recording.event)
        view.pointee = patchbay_event()
        view.pointee.size = UInt32(MemoryLayout<patchbay_event>.size)
        view.pointee.id = text(event.member("id"))
        view.pointee.source = text(event.member("source"))
        view.pointee.type = text(event.member("type"))
        view.pointee.subject = text(event.member("subject"))
        view.pointee.time = text(event.member("time"))
        view.pointee.datacontenttype = text(event.member("datacontenttype"))
        view.pointee.dataschema = text(event.member("dataschema"))
        if case .map(let extensions)? = event.member("extensions") {
            let pairs = UnsafeMutablePointer<patchbay_kv>.allocate(capacity: max(1, extensions.entries.count))
            for (index, entry) in extensions.entries.enumerated() {
                (pairs + index).initialize(to: patchbay_kv(key: text(entry.key.value), value: text(entry.value)))
            }
            view.pointee.ext = UnsafePointer(pairs)
            view.pointee.ext_count = UInt64(extensions.entries.count)
        }
        let data = text(event.member("data"))
        view.pointee.data = data.len == 0 ? nil : UnsafeRawPointer(data.ptr)?.assumingMemoryBound(to: UInt8.self)
        view.pointee.data_len = data.len
        view.pointee.route = text(head.member("route"))
        view.pointee.idempotency_key = text(head.member("idempotencyKey"))
        view.pointee.traceparent = text(head.member("traceparent"))
        view.pointee.tracestate = text(head.member("tracestate"))
        view.pointee.attempt = UInt32(truncatingIfNeeded: head.number("attempt") ?? 1)
        view.pointee.max_attempts = UInt32(truncatingIfNeeded: head.number("maxAttempts") ?? 0)
        view.pointee.deadline_ns = deadline
    }

    private static func text(_ value: Value?) -> patchbay_str {
        let bytes = RecordedValue.bytes(of: value) ?? []
        guard !bytes.isEmpty else { return patchbay_str(ptr: nil, len: 0) }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes.count, alignment: 1)
        memory.copyMemory(from: bytes, byteCount: bytes.count)
        return patchbay_str(ptr: memory.assumingMemoryBound(to: CChar.self), len: UInt64(bytes.count))
    }
}
