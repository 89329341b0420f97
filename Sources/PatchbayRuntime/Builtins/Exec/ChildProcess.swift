import CPatchbaySystem
import Glibc
import PatchbayEvents

/// A command that was started, with its three streams. One thread at a time.
///
/// It leads a process group of its own, so that what it starts ends with it.
final class ChildProcess: @unchecked Sendable {
    // Invariant: whoever holds it is the only one; a pool hands it from thread to thread under a lock.

    /// What a look at its streams brought.
    enum Event {
        case output
        case ended(OwnProcess.End)
        /// Nothing for some time.
        case quiet
    }

    let pid: pid_t
    private var input: Int32
    private var output: Int32
    private var errors: Int32
    /// Can be read once it has ended; -1 where the system does not tell.
    private let ending: Int32
    private var unwritten: ArraySlice<UInt8> = []
    private var closesInput = false
    private var end: OwnProcess.End?
    /// What it wrote to standard output and nobody took yet.
    var outputBytes: [UInt8] = []
    /// The last of what it wrote to standard error.
    private(set) var errorBytes: [UInt8] = []
    /// Beyond this it is not read on.
    private static let outputMax = 16 << 20
    private static let errorsKept = 4_096

    /// Starts `command`; its first word is looked for in PATH unless it has a slash.
    init(_ command: [String], environment: [(String, String)]) throws(ExecError) {
        var pipes: [Int32] = []
        for _ in 0..<3 {
            var ends: [Int32] = [0, 0]
            guard pbs_pipe(&ends) == 0 else {
                let number = errno
                for file in pipes { close(file) }
                throw ExecError("no pipe for '\(command[0])'", errno: number)
            }
            pipes += ends
        }
        defer { for file in [pipes[0], pipes[3], pipes[5]] { close(file) } }
        (input, output, errors) = (pipes[1], pipes[2], pipes[4])
        do throws(OwnProcess.StartError) {
            pid = try OwnProcess.start(
                command, environment: environment.map { "\($0)=\($1)" }, files: [pipes[0], pipes[3], pipes[5]])
        } catch {
            for file in [input, output, errors] { close(file) }
            throw ExecError("'\(command[0])' cannot be started", errno: error.number)
        }
        ending = pbs_child(pid)
        for file in [input, output, errors] { _ = fcntl(file, F_SETFL, O_NONBLOCK) }
    }

    deinit {
        if end == nil {
            kill(-pid, SIGKILL)
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        }
        for file in [input, output, errors, ending] where file >= 0 { close(file) }
    }

    /// Hands bytes to its standard input, as it takes them.
    func write(_ bytes: [UInt8], thenClose: Bool) {
        unwritten = unwritten + bytes
        closesInput = thenClose
        flush()
    }

    func signal(_ number: Int32) { if end == nil { kill(-pid, number) } }

    /// Waits for what comes next, at most `milliseconds`.
    func next(_ milliseconds: Int32) -> Event {
        var files = [
            pollfd(fd: isFull ? -1 : output, events: Int16(POLLIN), revents: 0),
            pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
            pollfd(fd: unwritten.isEmpty ? -1 : input, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: ending, events: Int16(POLLIN), revents: 0),
        ]
        guard poll(&files, nfds_t(files.count), ending < 0 ? min(milliseconds, 5) : milliseconds) >= 0 else {
            return .quiet
        }
        if files[2].revents != 0 { flush() }
        if files[1].revents != 0 { readErrors() }
        if files[0].revents != 0, Self.read(&output, into: &outputBytes) { return .output }
        guard let end = reap() else { return .quiet }
        // What it wrote last; what a child of its own writes later is not waited for.
        while !isFull, Self.read(&output, into: &outputBytes) {}
        readErrors()
        return .ended(end)
    }

    /// More is not read from its standard output before some is taken.
    var isFull: Bool { outputBytes.count >= Self.outputMax }

    /// The last line that it wrote to standard error; empty when there is none.
    var lastErrorLine: String {
        let line = errorBytes.split(whereSeparator: { $0 == 0x0A }).last { !$0.isEmpty } ?? []
        return String(decoding: line.prefix(512), as: UTF8.self)
    }

    private func flush() {
        while !unwritten.isEmpty {
            let count = unwritten.withUnsafeBytes { Glibc.write(input, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { return }
            // A command that does not read its input may do without.
            guard count > 0 else {
                unwritten = []
                break
            }
            unwritten = unwritten.dropFirst(count)
        }
        if closesInput, input >= 0 {
            close(input)
            input = -1
        }
    }

    /// A little at a time: a command that never stops writing is looked at again.
    private func readErrors() {
        for _ in 0..<4 where Self.read(&errors, into: &errorBytes) {
            if errorBytes.count > Self.errorsKept { errorBytes.removeFirst(errorBytes.count - Self.errorsKept) }
        }
    }

    /// Whether anything came. At the end of a stream its descriptor becomes -1.
    private static func read(_ file: inout Int32, into bytes: inout [UInt8]) -> Bool {
        guard file >= 0 else { return false }
        var chunk = [UInt8](repeating: 0, count: 1 << 14)
        let count = Glibc.read(file, &chunk, chunk.count)
        if count > 0 {
            bytes += chunk[..<count]
            return true
        }
        if count == 0 || (errno != EAGAIN && errno != EINTR) {
            close(file)
            file = -1
        }
        return false
    }

    /// How it ended; what it started and left behind in its group ends then, too.
    private func reap() -> OwnProcess.End? {
        if let end { return end }
        var info = siginfo_t()
        // Its number is not given to another process before it is reaped.
        let status = waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT)
        if status == 0, info.si_signo == 0 { return nil }
        if status != 0, errno == EINTR { return nil }
        kill(-pid, SIGKILL)
        var code: Int32 = 0
        guard waitpid(pid, &code, 0) == pid else {
            // Somebody else has reaped it: how it ended is not known.
            end = .exited(255)
            return end
        }
        end = OwnProcess.End(status: code)
        return end
    }
}

/// Why a command could not be started.
struct ExecError: Error, CustomStringConvertible {
    let description: String

    init(_ what: String, errno number: Int32) { description = "\(what): \(String(cString: strerror(number)))" }
}
