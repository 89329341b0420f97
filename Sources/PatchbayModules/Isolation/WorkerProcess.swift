import CPatchbaySystem
import Glibc
import PatchbayEvents

/// The process of one worker, from its start until it is reaped.
///
/// The thread that starts it has to live as long as the process: the kernel ends a worker with it.
final class WorkerProcess: Sendable {
    let pid: pid_t
    /// Can be read once it has ended.
    let ending: Int32
    /// What it writes to standard output and standard error.
    let output: Int32
    let errors: Int32

    /// - Parameter files: the memory and the bell, which it gets as descriptors 3 and 4.
    /// - Errors: `workerFailed`.
    init(files: (memory: Int32, bell: Int32), module: String) throws(ModuleError) {
        let program = Self.program
        guard access(program, X_OK) == 0 else {
            throw ModuleError(
                .workerFailed, file: module, "cannot be isolated: there is no \(program)",
                remedy: "install patchbay-worker beside patchbay, or set PATCHBAY_WORKER to its path")
        }
        let nothing = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard nothing >= 0 else { throw Self.failure(module, "no /dev/null for its input", errno) }
        defer { close(nothing) }
        var pipes: [Int32] = []
        for _ in 0..<2 {
            var ends: [Int32] = [0, 0]
            guard pbs_pipe(&ends) == 0 else {
                let number = errno
                for file in pipes { close(file) }
                throw Self.failure(module, "no pipe for its output", number)
            }
            pipes += ends
        }
        (output, errors) = (pipes[0], pipes[2])
        defer { for file in [pipes[1], pipes[3]] { close(file) } }
        do throws(OwnProcess.StartError) {
            pid = try OwnProcess.start(
                [program, "--of", "\(getpid())"], environment: Self.environment,
                files: [nothing, pipes[1], pipes[3], files.memory, files.bell])
        } catch {
            close(output)
            close(errors)
            throw Self.failure(module, "its worker cannot be started", error.number)
        }
        ending = pbs_child(pid)
        guard ending >= 0 else {
            let number = errno
            Glibc.kill(pid, SIGKILL)
            _ = reap()
            throw Self.failure(module, "its worker cannot be watched", number)
        }
        for file in [output, errors] { _ = fcntl(file, F_SETFL, O_NONBLOCK) }
    }

    deinit { for file in [output, errors, ending] where file >= 0 { close(file) } }

    /// Ends it at once; nothing happens once it has ended. [any thread]
    func kill() { pbs_child_signal(ending, SIGKILL) }

    /// How it ended; waits for it.
    func reap() -> OwnProcess.End {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return OwnProcess.End(status: status)
    }

    /// Beside the host's own program, unless `PATCHBAY_WORKER` says otherwise.
    private static let program: String = {
        if let told = getenv("PATCHBAY_WORKER") { return String(cString: told) }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(Folder.parent(of: path))/patchbay-worker"
    }()

    /// Nothing of the host's environment that may be a secret.
    private static var environment: [String] {
        let kept = ["LD_LIBRARY_PATH", "LANG", "LC_ALL", "TZ", "PATH"]
        let values = kept.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
        return values + ["SWIFT_BACKTRACE=enable=no"]
    }

    private static func failure(_ module: String, _ what: String, _ number: Int32) -> ModuleError {
        ModuleError(
            .workerFailed, file: module, what, remedy: "give the host room for one more process and its files",
            cause: SystemError.message(number))
    }
}
