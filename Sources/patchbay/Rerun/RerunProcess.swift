import CPatchbaySystem
import Glibc
import PatchbayEvents
import PatchbayModules
import PatchbayRuntime
import Synchronization

/// A rerun in a process of its own, as the one that started it sees it.
struct RerunProcess {
    private let recording: RecordedCall
    private let module: String
    private let configuration: Value
    private let timeout: UInt64

    /// - Parameter timeout: nanoseconds for the call; 0 is no limit.
    init(_ recording: RecordedCall, module: String, configuration: Value, timeout: UInt64) {
        self.recording = recording
        self.module = module
        self.configuration = configuration
        self.timeout = timeout
    }

    /// In this process, for a debugger.
    func runHere() throws -> RerunRecord {
        let record = Mutex(RerunRecord())
        let staging = try Self.staging()
        defer { staging.remove() }
        RerunTrial(
            recording, module: module, configuration: configuration, timeout: 0, stops: true, staging: staging
        ) { line in record.withLock { $0.take(line) } }.run()
        return record.withLock { $0 }
    }

    func run() throws -> RerunRecord {
        var ends: [Int32] = [0, 0]
        guard pbs_pipe(&ends) == 0 else {
            throw Output.failure("no pipe can be made: \(String(cString: strerror(errno)))", code: 2)
        }
        let staging = try Self.staging()
        let process = pbs_fork()
        guard process >= 0 else {
            throw Output.failure("no process can be started: \(String(cString: strerror(errno)))", code: 2)
        }
        guard process == 0 else {
            close(ends[1])
            defer {
                close(ends[0])
                staging.remove()
            }
            return watch(TriedProcess(id: process), ends[0])
        }
        close(ends[0])
        perform(staging, to: ends[1])
    }

    private static func staging() throws -> StagingDirectory {
        do {
            return try StagingDirectory()
        } catch {
            throw Output.failure("\(error)", code: 2)
        }
    }

    /// In the child.
    private func perform(_ staging: StagingDirectory, to pipe: Int32) -> Never {
        // What modules print does not belong to the command's output.
        dup2(STDERR_FILENO, STDOUT_FILENO)
        let writing = Mutex(())
        RerunTrial(
            recording, module: module, configuration: configuration, timeout: timeout, stops: false, staging: staging
        ) { line in
            var rest = (line.value.json + [0x0A])[...]
            writing.withLock { _ in
                while !rest.isEmpty {
                    let written = rest.withUnsafeBytes { Glibc.write(pipe, $0.baseAddress, $0.count) }
                    if written < 0, errno == EINTR { continue }
                    // A reader that has gone has ended this process, too.
                    guard written > 0 else { return }
                    rest = rest.dropFirst(written)
                }
            }
        }.run()
        // Its threads may still run; what logs wait is written by then.
        exit(0)
    }

    private func watch(_ process: TriedProcess, _ pipe: Int32) -> RerunRecord {
        var record = RerunRecord()
        var input: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let reader = JSONReader(nesting: 1000)
        // The call has its time; what comes before and after may hang as well.
        let patience = timeout == 0 ? -1 : Int32(clamping: timeout / 1_000_000 + 30_000)
        while true {
            var ready = pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)
            let count = poll(&ready, 1, patience)
            if count < 0, errno == EINTR { continue }
            if count == 0 {
                process.kill()
                record.ended("killed: it said nothing for \(patience / 1_000) s")
                return record
            }
            let length = read(pipe, &buffer, buffer.count)
            if length < 0, errno == EINTR { continue }
            guard length > 0 else { break }
            input += buffer[..<length]
            var start = input.startIndex
            while let end = input[start...].firstIndex(of: 0x0A) {
                take(Array(input[start..<end]), reader, &record)
                start = end + 1
            }
            input.removeSubrange(..<start)
        }
        record.ended(process.end().words)
        return record
    }

    /// The child's own lines; what a dying process has torn is none.
    private func take(_ line: [UInt8], _ reader: JSONReader, _ record: inout RerunRecord) {
        do throws(CloudEventsError) {
            if let line = RerunLine(try reader.value(line)) { record.take(line) }
        } catch {
            return
        }
    }
}
