import CPatchbaySystem
import Glibc
import PatchbayConfiguration
import PatchbayDispatch

/// Takes the files of a folder in, by name, as they come, and puts each away once its events are accepted.
///
/// A file must be complete when it gets its name: write it elsewhere and rename it. A crash between "accepted" and
/// putting away lets a file be read again: with the same ids.
final class DirectorySource: EventSource {
    let name: String
    private let path: String
    private let pattern: String
    private let done: Configuration.Source.Done
    private let format: LineFormat
    private let once: Bool
    private let flag = StopFlag()
    /// Between two looks at the folder.
    private static let pause: UInt64 = 250_000_000
    /// Files that are accepted together.
    private static let groupMax = 64
    /// What a file is called that is taken in; it is never read again.
    private static let suffix = ".done"

    init(
        name: String, path: String, pattern: String, done: Configuration.Source.Done, format: LineFormat, once: Bool
    ) {
        self.name = name
        self.path = path
        self.pattern = pattern
        self.done = done
        self.format = format
        self.once = once
    }

    func stop() { flag.raise() }

    func run(_ lane: SourceLane) throws(SourceError) {
        while true {
            let files = try list()
            var rest = files[...]
            while !rest.isEmpty, !flag.isSet {
                let group = rest.prefix(Self.groupMax)
                rest = rest.dropFirst(Self.groupMax)
                var read: [String] = []
                for file in group where !flag.isSet {
                    guard try take(file, lane) else { break }
                    read.append(file)
                }
                // What was not accepted stays where it is.
                guard lane.port.waitForAppend() else { return }
                for file in read { try putAway(file) }
            }
            if once || flag.isSet || flag.wait(files.isEmpty ? Self.pause : 1) { return }
        }
    }

    /// The files that are there, by name.
    private func list() throws(SourceError) -> [String] {
        guard let folder = opendir(path) else {
            throw SourceError(
                name, "cannot read the folder \(path)", errno: errno, remedy: "make it, or check the path")
        }
        defer { closedir(folder) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix("."), !name.hasSuffix(Self.suffix), fnmatch(pattern, name, 0) == 0 else { continue }
            names.append(name)
        }
        guard errno == 0 else {
            throw SourceError(name, "cannot read the folder \(path)", errno: errno, remedy: "check the disk")
        }
        return names.sorted()
    }

    /// Hands a file's events over; false when nobody takes them any more, or the run ends.
    private func take(_ file: String, _ lane: SourceLane) throws(SourceError) -> Bool {
        let descriptor = open("\(path)/\(file)", O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            // Somebody was faster.
            if errno == ENOENT { return true }
            throw SourceError(name, "cannot open \(path)/\(file)", errno: errno, remedy: "check its permissions")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return true }
        let feed = LineFeed(
            intake: lane.intake, port: lane.port, source: lane.number, envelope: format.envelope(file: file),
            eventBytesMax: lane.eventBytesMax,
            report: { lane.refused(Intake.Refusal(line: $0.line, message: "\(file): \($0.message)")) })
        if file.hasSuffix(".json") { return try takeWhole(descriptor, file, feed, lane) }
        while !feed.isClosed {
            let count = feed.read(descriptor, fills: true)
            if count == 0 {
                feed.finish()
                return !feed.isClosed
            }
            if count < 0 { throw unreadable(file, Int32(-count)) }
            // Half a file is read again as a whole.
            if flag.isSet { return false }
        }
        return false
    }

    /// A file that is one event, over as many lines as it likes.
    private func takeWhole(
        _ descriptor: Int32, _ file: String, _ feed: LineFeed, _ lane: SourceLane
    ) throws(SourceError) -> Bool {
        var bytes = [UInt8](repeating: 0, count: lane.eventBytesMax + 2)
        var length = 0
        while length < bytes.count {
            let count = bytes.withUnsafeMutableBytes { room in
                Glibc.read(descriptor, room.baseAddress?.advanced(by: length), room.count - length)
            }
            if count == 0 { break }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw unreadable(file, errno) }
            length += count
        }
        // Between tokens a tab is the same as a line end; inside a string neither may be.
        for index in 0..<length where bytes[index] == 0x0A || bytes[index] == 0x0D { bytes[index] = 0x09 }
        bytes.withUnsafeBytes { feed.take(UnsafeRawBufferPointer(rebasing: $0[..<length])) }
        feed.finish()
        return !feed.isClosed
    }

    private func unreadable(_ file: String, _ number: Int32) -> SourceError {
        SourceError(name, "cannot read \(path)/\(file)", errno: number, remedy: "check the disk")
    }

    private func putAway(_ file: String) throws(SourceError) {
        let full = "\(path)/\(file)"
        let status = done == .delete ? unlink(full) : rename(full, free("\(full)\(Self.suffix)"))
        guard status == 0 || errno == ENOENT else {
            throw SourceError(
                name, "cannot \(done.rawValue) \(full), whose events are accepted", errno: errno,
                remedy: "check the folder's permissions; the next run takes the file in again")
        }
    }

    /// A name that no file has yet.
    private func free(_ wanted: String) -> String {
        guard access(wanted, F_OK) == 0 else { return wanted }
        return "\(wanted.dropLast(Self.suffix.count))-\(pbs_unix_now())\(Self.suffix)"
    }
}
