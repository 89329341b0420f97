import CPatchbaySystem
import Glibc

/// A process of this program in which code of a module runs, as the one that started it sees it.
struct TriedProcess {
    enum End: Equatable {
        /// With its exit code.
        case exited(Int32)
        /// By this signal.
        case signalled(Int32)
        /// It went on when nothing could be heard of it any more.
        case killed

        init(status: Int32) {
            self = status & 0x7F != 0 ? .signalled(status & 0x7F) : .exited(status >> 8 & 0xFF)
        }

        /// For people.
        var words: String {
            switch self {
            case .exited(let code): "exit code \(code)"
            case .signalled(let signal):
                "signal \(signal) (\(strsignal(signal).map { String(cString: $0) } ?? ""))"
            case .killed: "killed: it closed descriptors that are not its own, and did not end"
            }
        }
    }

    let id: Int32
    /// How long one whose pipe is closed may go on, in milliseconds: it ends at once, unless the module closed the pipe.
    private static let patience: Int32 = 10_000

    /// Waits for the end of a process whose pipe is closed; one that goes on is killed.
    func end() -> End {
        let child = pbs_child(id)
        defer { if child >= 0 { close(child) } }
        var isOver = true
        if child >= 0 {
            var ended = pollfd(fd: child, events: Int16(POLLIN), revents: 0)
            var count: Int32
            repeat { count = poll(&ended, 1, Self.patience) } while count < 0 && errno == EINTR
            isOver = count != 0
        }
        return isOver ? reap() : kill()
    }

    /// Ends it, whatever it does.
    @discardableResult func kill() -> End {
        Glibc.kill(id, SIGKILL)
        _ = reap()
        return .killed
    }

    private func reap() -> End {
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0, errno == EINTR {}
        return End(status: status)
    }
}
