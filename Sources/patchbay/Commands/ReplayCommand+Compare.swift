import ArgumentParser
import CPatchbaySystem
import Glibc
import PatchbayConfiguration
import PatchbayEvents
import PatchbayRuntime

extension ReplayCommand {
    /// Runs both handlers over the window, each in a process of its own, so that one that crashes or hangs spoils nothing
    /// but its own part; the exit code.
    func compare(
        with candidate: String, _ order: ReplayOrder, _ preparation: Preparation, _ interruption: Interruption
    ) throws -> ExitCode {
        var order = order
        order.isMuted = true
        let until: UInt64
        do {
            until = try ReplayPreview.check(
                order, folder: preparation.configuration.log.path, handlers: order.handler.map { [$0] } ?? [])
        } catch {
            throw Output.failure(error.description, code: 2)
        }
        // Before anything starts a thread.
        let present = try ComparedProcess { write in
            try Self.run(nil, order, preparation, until: until, write)
        }
        let other = try ComparedProcess { write in
            try Self.run(candidate, order, preparation, until: until, write)
        }
        var report = ComparisonReport()
        do throws(ComparedProcess.Failure) {
            try Self.read(present, other, into: &report, interruption)
        } catch {
            throw Output.failure(error.message, code: error.isUsage ? 2 : 1)
        }
        if json { Output.json(report.value) } else { Output.line(report.text(Style(for: STDOUT_FILENO))) }
        return ExitCode(report.exitCode)
    }

    /// The body of one process.
    private static func run(
        _ candidate: String?, _ order: ReplayOrder, _ preparation: Preparation, until: UInt64,
        _ write: (Value) -> Bool
    ) throws {
        let side = try ComparedSide(preparation, order, candidate: candidate, until: until, version: Version.text)
        guard write(.object([("title", .string(side.title)), ("pastState", .bool(side.hasPastState))])) else { return }
        try side.run { write($0.value) }
        _ = write(.object([("end", .bool(true))]))
    }

    /// Event by event: both are asked for the same one.
    private static func read(
        _ present: ComparedProcess, _ candidate: ComparedProcess, into report: inout ComparisonReport,
        _ interruption: Interruption
    ) throws(ComparedProcess.Failure) {
        let progress = ReplayLine()
        defer { progress.end() }
        (report.present, report.isPast) = try present.begin(interruption)
        (report.candidate, _) = try candidate.begin(interruption)
        while true {
            let one = try present.next(interruption)
            let other = try candidate.next(interruption)
            switch (one, other) {
            case (.end, .end): return
            case (.interrupted, _), (_, .interrupted): return report.isInterrupted = true
            case (.record(let one), .record(let other)):
                guard one.id == other.id, one.source == other.source else {
                    throw ComparedProcess.Failure(message: "the log changed while it was read; try again")
                }
                report.comparison.add(one, other)
                guard one.outcome != "hang", other.outcome != "hang" else { return report.end = "hang" }
            case (.record(let one), .crashed(let signal)):
                report.comparison.add(one, Self.crash(one, signal))
                return report.end = "crash"
            case (.crashed(let signal), .record(let other)):
                report.comparison.add(Self.crash(other, signal), other)
                return report.end = "crash"
            default:
                throw ComparedProcess.Failure(message: "both handlers' processes ended before the window did")
            }
            progress.show(events: UInt64(report.comparison.events), share: nil)
        }
    }

    private static func crash(_ like: TrialRecord, _ signal: Int32) -> TrialRecord {
        var record = TrialRecord(id: like.id, source: like.source, outcome: "crash")
        record.reason = "the process ended with signal \(signal) (\(String(cString: strsignal(signal))))"
        return record
    }
}

/// A process that runs one side of a comparison and says what came of each event, a line each.
final class ComparedProcess {
    struct Failure: Error {
        var message: String
        /// What the user asked for cannot be.
        var isUsage = false
    }

    enum Line {
        case record(TrialRecord)
        case end
        /// By this signal.
        case crashed(Int32)
        case interrupted
    }

    private let process: Int32
    private let file: Int32
    private var input: [UInt8] = []
    private var hasEnded = false
    private let reader = JSONReader()

    /// Starts it; `body` is given how to write a line, which says whether anybody reads.
    init(_ body: (_ write: (Value) -> Bool) throws -> Void) throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else {
            throw Output.failure("no pipe can be made: \(String(cString: strerror(errno)))", code: 1)
        }
        // Not for what modules start.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        process = pbs_fork()
        guard process >= 0 else {
            throw Output.failure("no process can be started: \(String(cString: strerror(errno)))", code: 1)
        }
        guard process == 0 else {
            close(ends[1])
            file = ends[0]
            return
        }
        close(ends[0])
        // What modules print does not belong to the command's output.
        dup2(STDERR_FILENO, STDOUT_FILENO)
        do {
            try body { Self.write($0, to: ends[1]) }
        } catch {
            _ = Self.write(.object([("error", .string("\(error)"))]), to: ends[1])
        }
        _exit(0)
    }

    deinit {
        close(file)
        if !hasEnded { kill(process, SIGKILL) }
        var status: Int32 = 0
        if !hasEnded { waitpid(process, &status, 0) }
    }

    /// The handler's name, and whether its state is as it was when the window began.
    func begin(_ interruption: Interruption) throws(Failure) -> (title: String, isPast: Bool) {
        guard let members = try members(interruption) else {
            throw Failure(
                message: "a handler's process ended before its first event\(ended().map { " with signal \($0)" } ?? "")"
            )
        }
        guard case .string(let title) = members["title"] else {
            throw Failure(message: "interrupted before the first event")
        }
        return (title, members["pastState"] == .bool(true))
    }

    /// What came of the next event.
    func next(_ interruption: Interruption) throws(Failure) -> Line {
        guard let members = try members(interruption) else {
            guard let signal = ended() else { throw Failure(message: "a handler ended its process") }
            return .crashed(signal)
        }
        if members["end"] != nil { return .end }
        if members.isEmpty { return .interrupted }
        guard let record = TrialRecord(.map(members)) else {
            throw Failure(message: "a handler's process says something that is no record")
        }
        return .record(record)
    }

    /// The next line's; empty when the user waits no longer, `nil` when the process has ended.
    private func members(_ interruption: Interruption) throws(Failure) -> Value.Map? {
        while true {
            if let end = input.firstIndex(of: 0x0A) {
                let line = Array(input[..<end])
                input.removeSubrange(...end)
                let value: Value
                do {
                    value = try reader.value(line)
                } catch {
                    throw Failure(message: "a handler's process says something that is no JSON: \(error.message)")
                }
                guard case .map(let members) = value else { return Value.Map() }
                if case .string(let error) = members["error"] { throw Failure(message: error, isUsage: true) }
                return members
            }
            guard !interruption.wait(0) else { return Value.Map() }
            var ready = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, 100) > 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            let count = Glibc.read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            input += buffer[..<count]
        }
    }

    /// The signal that ended the process; `nil` when it ended by itself.
    private func ended() -> Int32? {
        var status: Int32 = 0
        waitpid(process, &status, 0)
        hasEnded = true
        let signal = status & 0x7F
        return signal == 0 ? nil : signal
    }

    private static func write(_ value: Value, to file: Int32) -> Bool {
        let line = value.json + [0x0A]
        var written = 0
        while written < line.count {
            let count = line.withUnsafeBytes {
                Glibc.write(file, $0.baseAddress?.advanced(by: written), $0.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }
}
