import CPatchbaySystem
import Glibc

/// What this process has of the system.
struct Held {
    let threads: Int
    let files: Int

    /// How long threads have to end, in nanoseconds.
    private static let patience: UInt64 = 1_000_000_000

    init() {
        self.init(threads: Self.entries("/proc/self/task"), files: Self.entries("/proc/self/fd"))
    }

    private init(threads: Int, files: Int) {
        self.threads = threads
        self.files = files
    }

    /// How much more it is than before; `nil` when it is not. Threads get a moment to end.
    static func grown(since before: Held) -> Held? {
        let until = pbs_now() + patience
        while pbs_now() < until, entries("/proc/self/task") > before.threads { usleep(10_000) }
        let now = Held()
        let grown = Held(threads: now.threads - before.threads, files: now.files - before.files)
        return grown.threads > 0 || grown.files > 0 ? grown : nil
    }

    private static func entries(_ folder: String) -> Int {
        guard let handle = opendir(folder) else { return 0 }
        defer { closedir(handle) }
        var count = 0
        while readdir(handle) != nil { count += 1 }
        return count
    }
}
