import Glibc
import PatchbayConfiguration
import PatchbayEvents
import Synchronization

/// Looks every second whether the configuration file or a module's file has changed, and reloads when it has and has
/// stayed so for a second, since files are not written at once.
final class ConfigurationWatch: Sendable {
    private let reloader: Reloader
    private let flag = StopFlag()
    private let thread = Mutex<OwnThread?>(nil)
    private static let pace: UInt64 = 1_000_000_000

    init(_ reloader: Reloader) throws(ThreadError) {
        self.reloader = reloader
        // Before the thread runs: what changes from here on is a change.
        let first = Self.look(reloader)
        let started = try OwnThread("pb-reload") { [self] in run(first) }
        thread.withLock { $0 = started }
    }

    /// Ends, also in the midst of a reload's wait for the keeper, which is to end afterwards.
    func end() {
        flag.raise()
        thread.withLock { $0.take() }?.join()
    }

    private func run(_ first: [String]) {
        var watched = WatchedFiles(now: first)
        while !flag.wait(Self.pace) {
            guard watched.step(Self.look(reloader)) else { continue }
            // A file that is refused is looked at again when it changes.
            reloader.reload(by: "a changed file")
        }
    }

    /// What tells files from changed ones, without reading them.
    private static func look(_ reloader: Reloader) -> [String] {
        let modules = reloader.configuration.modules
        var paths = [reloader.path] + modules.load.map(\.path).filter { !$0.isEmpty }
        paths += (Folder.names(of: modules.directory)).filter { $0.contains(".so") }.sorted().map {
            "\(modules.directory)/\($0)"
        }
        return paths.map { path in
            var status = stat()
            guard stat(path, &status) == 0 else { return "\(path) -" }
            return "\(path) \(status.st_ino) \(status.st_size) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
        }
    }

    private enum Folder {
        /// Empty for one that cannot be read, which a reload will say.
        static func names(of path: String) -> [String] {
            guard let folder = opendir(path) else { return [] }
            defer { closedir(folder) }
            var names: [String] = []
            while let entry = readdir(folder) {
                names.append(
                    withUnsafeBytes(of: &entry.pointee.d_name) {
                        String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
                    })
            }
            return names
        }
    }
}

/// When files that are looked at have changed and stay so. A value.
struct WatchedFiles {
    private var known: [String]
    private var last: [String]

    init(now: [String]) {
        known = now
        last = now
    }

    /// Takes a look in; true once for each change, at the second look that shows it.
    mutating func step(_ now: [String]) -> Bool {
        defer { last = now }
        guard now == last, now != known else { return false }
        known = now
        return true
    }
}
