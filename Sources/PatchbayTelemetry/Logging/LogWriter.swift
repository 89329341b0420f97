import Glibc
import Logging
import PatchbayEvents
import Synchronization

/// Writes log lines to a descriptor, whole and in order, without making those wait who log.
///
/// A line goes out at once where that cannot block. While nobody reads the descriptor, lines wait in a bounded queue,
/// which a thread empties that lives as long as anything waits; what finds no room is dropped and counted, and a line
/// says how many those were. A line that cannot be written is lost.
package final class LogWriter: Sendable {
    private struct State {
        var waiting: [[UInt8]] = []
        /// Of what waits.
        var bytes = 0
        /// Somebody is between taking lines and having written them.
        var isWriting = false
        var dropped: UInt64 = 0
        /// How many of `dropped` a line has told of.
        var told: UInt64 = 0
    }

    package static let linesMax = 4096
    /// Of what waits, and again of what is being written. One larger line is taken all the same when nothing waits.
    package static let bytesMax = 4 << 20
    /// What `poll` promises room for in a pipe.
    private static let directBytesMax = 4096

    let format: LogFormat
    let colour: Bool
    private let file: Int32
    private let state = Mutex(State())

    /// - Parameters:
    ///   - colour: of the human format only.
    ///   - file: an open descriptor, not closed here.
    package init(format: LogFormat, colour: Bool, file: Int32 = 2) {
        self.format = format
        self.colour = colour
        self.file = file
    }

    /// Lines that found no room so far. [any]
    package var dropped: UInt64 { state.withLock { $0.dropped } }
    /// Bytes that wait. [any]
    package var waitingBytes: Int { state.withLock { $0.bytes } }

    /// Writes a line, queues or drops it. [any][noblock]
    func add(_ line: [UInt8]) {
        let isFirst = state.withLock { state -> Bool in
            guard state.isWriting else {
                state.isWriting = true
                return true
            }
            if state.bytes == 0 || (state.bytes + line.count <= Self.bytesMax && state.waiting.count < Self.linesMax) {
                state.waiting.append(line)
                state.bytes += line.count
            } else {
                state.dropped += 1
            }
            return false
        }
        guard isFirst else { return }
        let isDirect = line.count <= Self.directBytesMax && isWritable
        if isDirect { _ = writeAll(line, to: file) }
        let goesOn = state.withLock { state -> Bool in
            if !isDirect {
                state.waiting.insert(line, at: 0)
                state.bytes += line.count
            }
            state.isWriting = !state.waiting.isEmpty
            return state.isWriting
        }
        if goesOn { startWriting() }
    }

    /// Waits until nothing waits; false when that takes longer than `timeout` nanoseconds. [any]
    package func flush(timeout: UInt64) -> Bool {
        let until = TelemetryClock.monotonicNow() + timeout
        while state.withLock({ $0.isWriting }) {
            guard TelemetryClock.monotonicNow() < until else { return false }
            usleep(1_000)
        }
        return true
    }

    // MARK: Private

    private var isWritable: Bool {
        var poll = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
        return Glibc.poll(&poll, 1, 0) == 1
    }

    private func startWriting() {
        do throws(ThreadError) {
            try OwnThread("pb-lines") { self.writeWaiting() }.detach()
        } catch {
            // No thread is left: whoever logs next tries again.
            state.withLock { state in
                state.dropped += UInt64(state.waiting.count)
                state.waiting.removeAll()
                state.bytes = 0
                state.isWriting = false
            }
        }
    }

    private func writeWaiting() {
        while true {
            let (lines, untold) = state.withLock { state -> ([[UInt8]], UInt64) in
                let lines = state.waiting
                let untold = lines.isEmpty ? state.dropped - state.told : 0
                state.waiting = []
                state.bytes = 0
                state.told += untold
                if lines.isEmpty, untold == 0 { state.isWriting = false }
                return (lines, untold)
            }
            if lines.isEmpty, untold == 0 { return }
            for line in lines { _ = writeAll(line, to: file) }
            if untold > 0 { _ = writeAll(notice(untold), to: file) }
        }
    }

    private func notice(_ count: UInt64) -> [UInt8] {
        LogLine(
            time: TelemetryClock.unixNow(), level: .warning, label: "patchbay",
            message: "\(count) log lines were dropped, because they came faster than they could be written",
            metadata: []
        ).rendered(format, colour: colour)
    }
}
