import CPatchbaySystem
import Glibc
import PatchbayEvents
import Synchronization

/// Lines of a file or of standard input.
final class StreamSource: EventSource {
    let name: String
    /// `nil` is standard input.
    private let path: String?
    private let format: LineFormat
    private let flag = StopFlag()
    /// Bytes of a file: read, and in all; none before it is open, and of what is no file.
    private let bytesRead = Atomic<UInt64>(0)
    private let bytesInAll = Atomic<UInt64>(.max)

    init(name: String, path: String?, format: LineFormat) {
        self.name = name
        self.path = path
        self.format = format
    }

    func stop() { flag.raise() }

    var extent: InputExtent? {
        let all = bytesInAll.load(ordering: .acquiring)
        guard all < .max else { return nil }
        return InputExtent(read: bytesRead.load(ordering: .relaxed), all: all)
    }

    func run(_ lane: SourceLane) throws(SourceError) {
        var file = STDIN_FILENO
        if let path {
            // Without waiting for a pipe's writer: the wait below can be ended.
            file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            guard file >= 0 else {
                throw SourceError(
                    name, "cannot open \(path)", errno: errno, remedy: "check the path and its permissions")
            }
        }
        defer { if path != nil { close(file) } }
        var status = stat()
        let neverWaits = fstat(file, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        if neverWaits { bytesInAll.store(UInt64(max(0, status.st_size)), ordering: .releasing) }
        let feed = LineFeed(
            intake: lane.intake, port: lane.port, source: lane.number, envelope: format.envelope(),
            eventBytesMax: lane.eventBytesMax, report: lane.refused)
        while !flag.isSet, !feed.isClosed {
            if !neverWaits, pbs_wait_readable(file, flag.event) == 0 { break }
            let count = feed.read(file, fills: neverWaits)
            if count > 0 { bytesRead.wrappingAdd(UInt64(count), ordering: .relaxed) }
            if count == 0 {
                feed.finish()
                break
            }
            guard count > 0 else {
                let number = Int32(-count)
                if number == EAGAIN { continue }
                feed.finish()
                throw SourceError(
                    name, "cannot read \(path ?? "standard input")", errno: number, remedy: "check the disk or the pipe"
                )
            }
        }
    }
}

/// What a line is.
enum LineFormat: Sendable {
    case cloudevents
    case json(type: String, source: String, idPrefix: String)

    /// What lines are wrapped in; `file` tells lines of one file of several apart.
    func envelope(file: String? = nil) -> Envelope? {
        switch self {
        case .cloudevents: nil
        case .json(let type, let source, let prefix):
            Envelope(type: type, source: source, idPrefix: prefix + (file.map { "\($0):" } ?? ""))
        }
    }
}
