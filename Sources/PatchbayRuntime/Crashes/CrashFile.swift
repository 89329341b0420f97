import Glibc
package import PatchbayDispatch
import PatchbayEvents

/// The crashes of earlier runs, oldest first: a file of JSON lines beside what the host keeps.
///
/// The handler of fatal signals appends a line for each; a host that starts appends which it has reported.
package struct CrashFile: Sendable {
    package private(set) var records: [CrashRecord] = []
    /// Lines that could not be read.
    package private(set) var problems: [CrashFileError] = []
    /// Records up to this time, in Unix nanoseconds, have been reported.
    package private(set) var reportedUntil: UInt64 = 0

    /// Crashes in one event with one handler from which on the event is not handed over any more.
    package static let crashesMax = 2
    /// Lines that are kept; of more, the oldest are thrown away.
    private static let linesMax = 1_000
    private static let bytesMax = 64 << 20
    private static let reported = "reported"

    /// Empty when there is no file.
    ///
    /// - Errors: `unreadable`; what is wrong with single lines is in `problems`.
    package init(reading path: String) throws(CrashFileError) {
        guard let lines = try Self.lines(of: path) else { return }
        let reader = JSONReader()
        for (index, line) in lines.enumerated() where !line.isEmpty {
            do throws(CloudEventsError) {
                let value = try reader.value(Array(line))
                if case .map(let map) = value, case .int(let time)? = map[.string(Self.reported)] {
                    reportedUntil = max(reportedUntil, UInt64(max(0, time)))
                    continue
                }
                do throws(CrashFileError.Reason) {
                    records.append(try CrashRecord(value))
                } catch {
                    problems.append(CrashFileError(path: path, line: index + 1, message: error.text))
                }
            } catch {
                problems.append(CrashFileError(path: path, line: index + 1, message: error.message))
            }
        }
    }

    /// What no earlier start has reported.
    package var unreported: [CrashRecord] { records.filter { $0.time > reportedUntil } }

    /// Notes that all records have been reported, and throws the oldest away when there are many.
    ///
    /// - Errors: `unwritable`; they are reported once more then.
    package func markReported(in path: String) throws(CrashFileError) {
        guard let last = unreported.last else { return }
        let mark = Array("{\"\(Self.reported)\":\(last.time)}\n".utf8)
        var problem: String?
        if records.count <= Self.linesMax {
            problem = AppendedFile.append(mark, to: path)
        } else {
            let kept = try (Self.lines(of: path) ?? []).suffix(Self.linesMax / 2)
            let other = "\(path).tmp"
            unlink(other)
            problem = AppendedFile.append(Array(kept.joined(separator: [0x0A])) + [0x0A] + mark, to: other)
            if problem == nil, rename(other, path) != 0 { problem = String(cString: strerror(errno)) }
        }
        if let problem { throw CrashFileError(path: path, line: 0, message: "cannot be written: \(problem)") }
    }

    /// How often the host crashed in one event alone with one handler of one version. Crashes in a batch do not count:
    /// any of its events may have been at fault.
    package func crashes(source: String, id: String, handler: String, version: String) -> Int {
        records.count { record in
            record.handler == handler && record.version == version && record.events.count == 1
                && !record.events[0].isCut && record.events[0].source == source && record.events[0].id == id
        }
    }

    /// The calls that are not to be made as others: each by itself, and from the second crash in it on not at all.
    package var suspects: [SuspectCalls.Suspect] {
        var seen: Set<[String]> = []
        var suspects: [SuspectCalls.Suspect] = []
        for record in records.reversed() {
            guard let handler = record.handler, let module = record.module, let version = record.version,
                record.sender == nil
            else { continue }
            for event in record.events
            where !event.isCut && seen.insert([handler, version, event.source, event.id]).inserted {
                let count = crashes(source: event.source, id: event.id, handler: handler, version: version)
                let what = module.isEmpty ? "the host's own handler" : "module \(module) \(version)"
                suspects.append(
                    SuspectCalls.Suspect(
                        handler: handler, module: module, version: version, source: event.source, id: event.id,
                        refusal: count < Self.crashesMax
                            ? nil : "crashed: the host died \(count) times in this call (\(record.signal), \(what))"))
            }
        }
        return suspects
    }

    /// `nil` when there is no file.
    private static func lines(of path: String) throws(CrashFileError) -> [ArraySlice<UInt8>]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw CrashFileError(path: path, line: 0, message: "cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < bytesMax {
            let count = Glibc.read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw CrashFileError(
                    path: path, line: 0, message: "cannot be read: \(String(cString: strerror(errno)))")
            }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    }
}

/// What is wrong with a crash file. The host runs all the same.
package struct CrashFileError: Error, Sendable, CustomStringConvertible {
    /// Of one line.
    package struct Reason: Error {
        package let text: String
        init(_ text: String) { self.text = text }
    }

    package let path: String
    /// From 1; 0 is the file as a whole.
    package let line: Int
    package let message: String

    package var description: String {
        line == 0
            ? "\(path) \(message)" : "\(path):\(line): no record of a crash (\(message)); the line is passed over"
    }
}
