import CPatchbay
import Glibc
import PatchbayEvents

/// How a worker process ended, and whose doing it was.
struct WorkerDeath: Sendable, Equatable {
    /// What is to blame.
    enum Culprit: Sendable, Equatable {
        /// The call that the thread of this channel was in.
        case channel(UInt32)
        /// A call that the host had closed and the module went on with.
        case call(patchbay_call)
        /// A thread of the module's own, or the kernel, or nobody knows: every call that was entered may be.
        case anyCall
        /// The host itself: no call.
        case host
    }

    var culprit: Culprit
    /// `SIGSEGV`, or `exit 3`.
    var ending: String
    /// What dead letters say: what happened and, as far as that is known, where, the innermost frames first.
    var reason: String
    /// A line for each frame, innermost first.
    var backtrace: [String] = []

    /// What a dead letter has beside the reason, JSON.
    var detail: [UInt8] {
        Value.object([
            ("ending", .string(ending)), ("backtrace", .list(backtrace.prefix(Self.framesTold).map { .string($0) })),
        ]).json
    }

    private static let framesTold = 32

    /// Whether a call that was open then costs an attempt.
    ///
    /// - Parameter channel: whose thread was in it; `nil` for one that had returned `PATCHBAY_PENDING`.
    func charges(_ call: patchbay_call, entered: Bool, channel: UInt32?) -> Bool {
        guard entered else { return false }
        return switch culprit {
        case .channel(let guilty): channel == guilty
        case .call(let guilty): call == guilty
        case .anyCall: true
        case .host: false
        }
    }

    static func hexadecimal(_ value: UInt64) -> String { "0x\(String(value, radix: 16))" }

    /// `SIGSEGV` for 11.
    static func signalName(_ number: Int32) -> String {
        let names: [Int32: String] = [
            SIGABRT: "SIGABRT", SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGILL: "SIGILL", SIGKILL: "SIGKILL",
            SIGSEGV: "SIGSEGV", SIGSYS: "SIGSYS", SIGTERM: "SIGTERM", SIGTRAP: "SIGTRAP", SIGXCPU: "SIGXCPU",
            SIGINT: "SIGINT", SIGPIPE: "SIGPIPE", SIGALRM: "SIGALRM",
        ]
        return names[number] ?? "signal \(number)"
    }
}
