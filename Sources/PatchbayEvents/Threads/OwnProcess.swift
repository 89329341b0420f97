import Glibc

/// Processes that the host starts.
package enum OwnProcess {
    /// How one ended.
    package enum End: Sendable, Equatable {
        case exited(Int32)
        case signalled(Int32)

        /// - Parameter status: as `waitpid` gives it.
        package init(status: Int32) {
            let signal = status & 0x7F
            self = signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
        }
    }

    /// Why one could not be started: the system's number.
    package struct StartError: Error {
        package let number: Int32
    }

    /// Starts a program that leads a process group of its own, so that what it starts can be ended with it. [any thread]
    ///
    /// Our threads block all signals and ignore SIGPIPE, which it would go on doing: it begins with every signal as
    /// the system has it.
    ///
    /// - Parameters:
    ///   - words: the program, looked for in PATH unless it has a slash, then its arguments.
    ///   - environment: `NAME=value`.
    ///   - files: what it gets as descriptors 0, 1, 2 and so on. All others have to be close-on-exec.
    /// - Returns: its process id; whoever starts it has to reap it.
    package static func start(
        _ words: [String], environment: [String], files: [Int32]
    ) throws(StartError) -> Int32 {
        // Through numbers above those wanted, so that none is overwritten before it is copied.
        var copies: [Int32] = []
        defer { for file in copies { close(file) } }
        for file in files {
            let copy = fcntl(file, F_DUPFD_CLOEXEC, 64)
            guard copy >= 0 else { throw StartError(number: errno) }
            copies.append(copy)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (index, copy) in copies.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, copy, Int32(index))
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        // For C, with a null pointer at the end.
        var arguments = words.map { strdup($0) } + [nil]
        var variables = environment.map { strdup($0) } + [nil]
        defer { for text in arguments + variables { free(text) } }
        var pid: pid_t = 0
        let status = posix_spawnp(&pid, words[0], &actions, &attributes, &arguments, &variables)
        guard status == 0 else { throw StartError(number: status) }
        return pid
    }
}
