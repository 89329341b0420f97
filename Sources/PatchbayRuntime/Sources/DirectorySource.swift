import CPatchbaySystem
import Glibc
import Logging
import PatchbayConfiguration
import PatchbayDispatch
import Synchronization

/// Takes the files of a folder in, by name, as they come, and puts each away once its events are accepted.
///
/// A file must be complete when it gets its name: write it elsewhere and rename it. A run that ends between "accepted"
/// and putting away lets a file be read again: with the same ids.
final class DirectorySource: EventSource {
    let name: String
    private let path: String
    private let pattern: String
    private let done: Configuration.Source.Done
    private let format: LineFormat
    private let once: Bool
    private let logger: Logger
    private let flag = StopFlag()
    /// Files that cannot be taken in, by name: said once each.
    private let unfit = Mutex<Set<String>>([])
    /// Between two looks at the folder.
    private static let pause: UInt64 = 250_000_000
    /// Files that are accepted together.
    private static let groupMax = 64
    /// What a file is called that is taken in, and one of which lines were refused; they are never read again.
    private static let doneSuffix = ".done"
    private static let refusedSuffix = ".refused"

    /// What became of a file.
    private enum Reading {
        /// Handed over; some of its lines may have been refused.
        case whole(hasRefused: Bool)
        /// Nothing for us, or nothing that can be read.
        case none
        /// Nobody takes events any more.
        case cutOff
    }

    init(
        name: String, path: String, pattern: String, done: Configuration.Source.Done, format: LineFormat, once: Bool,
        logger: Logger
    ) {
        self.name = name
        self.path = path
        self.pattern = pattern
        self.done = done
        self.format = format
        self.once = once
        self.logger = logger
    }

    func stop() { flag.raise() }

    func run(_ lane: SourceLane) throws(SourceError) {
        while true {
            var rest = try list()[...]
            var count = 0
            while !rest.isEmpty, !flag.isSet {
                let group = rest.prefix(Self.groupMax)
                rest = rest.dropFirst(Self.groupMax)
                var read: [(file: String, hasRefused: Bool)] = []
                // A file that was begun is read to its end, also when the run is to end.
                for file in group where !flag.isSet {
                    switch take(file, lane) {
                    case .whole(let hasRefused): read.append((file, hasRefused))
                    case .none: continue
                    case .cutOff: return
                    }
                }
                // What was not accepted stays where it is.
                guard lane.port.waitForAppend() else { return }
                for (file, hasRefused) in read { try putAway(file, hasRefused: hasRefused) }
                count += read.count
            }
            if once || flag.isSet || flag.wait(count == 0 ? Self.pause : 1) { return }
        }
    }

    /// The files that are there and wanted, by name.
    private func list() throws(SourceError) -> [String] {
        guard let folder = opendir(path) else {
            throw SourceError(
                name, "cannot read the folder \(path)", errno: errno, remedy: "make it, or check the path")
        }
        defer { closedir(folder) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(folder) else { break }
            let bytes = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            guard let name = String(validating: bytes, as: UTF8.self) else {
                say("a file's name is not UTF-8, so it is left alone", of: String(decoding: bytes, as: UTF8.self))
                continue
            }
            guard !name.hasPrefix("."), !name.hasSuffix(Self.doneSuffix), !name.hasSuffix(Self.refusedSuffix),
                fnmatch(pattern, name, 0) == 0
            else { continue }
            names.append(name)
        }
        guard errno == 0 else {
            throw SourceError(name, "cannot read the folder \(path)", errno: errno, remedy: "check the disk")
        }
        return names.sorted()
    }

    /// Says once why a file is left alone.
    private func say(_ what: String, of file: String) {
        guard unfit.withLock({ $0.count < 1_024 && $0.insert(file).inserted }) else { return }
        logger.error("source \(name): \(path)/\(file): \(what)")
    }

    /// Hands a file's events over.
    private func take(_ file: String, _ lane: SourceLane) -> Reading {
        let descriptor = open("\(path)/\(file)", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            // Somebody may have been faster.
            if errno != ENOENT { say("cannot be opened: \(String(cString: strerror(errno)))", of: file) }
            return .none
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            say("is no file", of: file)
            return .none
        }
        var hasRefused = false
        let feed = LineFeed(
            intake: lane.intake, port: lane.port, source: lane.number, envelope: format.envelope(file: file),
            eventBytesMax: lane.eventBytesMax,
            report: {
                hasRefused = true
                lane.refused(Intake.Refusal(line: $0.line, message: "\(file): \($0.message)"))
            })
        let number = file.hasSuffix(".json") ? takeWhole(descriptor, feed, lane) : takeLines(descriptor, feed)
        if feed.isClosed { return .cutOff }
        guard number == 0 else {
            say("cannot be read: \(String(cString: strerror(number)))", of: file)
            return .none
        }
        return .whole(hasRefused: hasRefused)
    }

    /// 0, or why the disk did not give all of it.
    private func takeLines(_ descriptor: Int32, _ feed: LineFeed) -> Int32 {
        while !feed.isClosed {
            let count = feed.read(descriptor, fills: true)
            if count < 0 { return Int32(-count) }
            if count == 0 {
                feed.finish()
                break
            }
        }
        return 0
    }

    /// A file that is one event, over as many lines as it likes.
    private func takeWhole(_ descriptor: Int32, _ feed: LineFeed, _ lane: SourceLane) -> Int32 {
        var bytes = [UInt8](repeating: 0, count: lane.eventBytesMax + 2)
        var length = 0
        while length < bytes.count {
            let count = bytes.withUnsafeMutableBytes { room in
                Glibc.read(descriptor, room.baseAddress?.advanced(by: length), room.count - length)
            }
            if count == 0 { break }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return errno }
            length += count
        }
        // Between tokens a tab is the same as a line end; inside a string neither may be.
        for index in 0..<length where bytes[index] == 0x0A || bytes[index] == 0x0D { bytes[index] = 0x09 }
        bytes.withUnsafeBytes { feed.take(UnsafeRawBufferPointer(rebasing: $0[..<length])) }
        feed.finish()
        return 0
    }

    /// A file with refused lines is kept, whatever `done` says.
    private func putAway(_ file: String, hasRefused: Bool) throws(SourceError) {
        let full = "\(path)/\(file)"
        let suffix = hasRefused ? Self.refusedSuffix : Self.doneSuffix
        let isDeleted = done == .delete && !hasRefused
        let status = isDeleted ? unlink(full) : rename(full, free(full, suffix))
        guard status == 0 || errno == ENOENT else {
            throw SourceError(
                name, "cannot \(done.rawValue) \(full), whose events are accepted", errno: errno,
                remedy: "check the folder's permissions; the next run takes the file in again")
        }
    }

    /// A name that no file has yet.
    private func free(_ file: String, _ suffix: String) -> String {
        guard access(file + suffix, F_OK) == 0 else { return file + suffix }
        return "\(file)-\(pbs_unix_now())\(suffix)"
    }
}
