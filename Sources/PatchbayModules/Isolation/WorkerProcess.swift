import CPatchbaySystem
import Glibc

/// The process of one worker, from its start until it is reaped.
///
/// The thread that starts it has to live as long as the process: the kernel ends a worker with it.
final class WorkerProcess: Sendable {
    /// How it ended, as `waitpid` says it.
    enum End: Sendable, Equatable {
        case exited(Int32)
        case signalled(Int32)
    }

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
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, pipes[1], 1)
        posix_spawn_file_actions_adddup2(&actions, pipes[3], 2)
        // Through numbers above those wanted, so that neither is overwritten before it is copied.
        let high = (memory: fcntl(files.memory, F_DUPFD_CLOEXEC, 64), bell: fcntl(files.bell, F_DUPFD_CLOEXEC, 64))
        defer { for file in [high.memory, high.bell] where file >= 0 { close(file) } }
        guard high.memory >= 0, high.bell >= 0 else {
            let number = errno
            for file in pipes { close(file) }
            throw Self.failure(module, "no descriptor for its memory", number)
        }
        posix_spawn_file_actions_adddup2(&actions, high.memory, 3)
        posix_spawn_file_actions_adddup2(&actions, high.bell, 4)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        let words: [String] = [program, "--of", "\(getpid())"]
        var arguments = Self.copies(words)
        var variables = Self.copies(Self.environment)
        var pid: pid_t = 0
        let status = posix_spawn(&pid, program, &actions, &attributes, &arguments, &variables)
        for text in arguments + variables { free(text) }
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
        close(pipes[1])
        close(pipes[3])
        (output, errors) = (pipes[0], pipes[2])
        guard status == 0 else {
            close(pipes[0])
            close(pipes[2])
            throw Self.failure(module, "its worker cannot be started", status)
        }
        self.pid = pid
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
    func reap() -> End {
        var code: Int32 = 0
        while waitpid(pid, &code, 0) < 0, errno == EINTR {}
        let signal = code & 0x7F
        return signal == 0 ? .exited(code >> 8 & 0xFF) : .signalled(signal)
    }

    /// Beside the host's own program, unless `PATCHBAY_WORKER` says otherwise.
    private static let program: String = {
        if let told = getenv("PATCHBAY_WORKER") { return String(cString: told) }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return "\(Folder.parent(of: path))/patchbay-worker"
    }()

    /// For C, with a null pointer at the end.
    private static func copies(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
        texts.map { strdup($0) } + [nil]
    }

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
