import Foundation
import Glibc
import Synchronization

/// A pseudo-terminal that keeps what a program writes to it.
final class Terminal: Sendable {
    /// What the program gets as a file.
    let programsEnd: FileHandle
    private let ownEnd: Int32
    private let bytes = Mutex<[UInt8]>([])
    private let hasEnded = DispatchSemaphore(value: 0)

    init(columns: UInt16 = 200) throws {
        ownEnd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (number, lock) = (Int32(0), Int32(0))
        // pty(7): unlock the other end, and ask for its number.
        guard ownEnd >= 0, ioctl(ownEnd, 0x4004_5431, &lock) == 0, ioctl(ownEnd, 0x8004_5430, &number) == 0 else {
            throw BenchError("no pseudo-terminal: \(errno)")
        }
        var size = winsize(ws_row: 25, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(ownEnd, UInt(TIOCSWINSZ), &size)
        let program = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard program >= 0 else { throw BenchError("no pseudo-terminal: \(errno)") }
        programsEnd = FileHandle(fileDescriptor: program, closeOnDealloc: false)
        Thread.detachNewThread { [self] in read() }
    }

    /// Everything that was written so far, control sequences included.
    var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }

    /// After the program has ended: waits until all of it has been read.
    func end() {
        close(programsEnd.fileDescriptor)
        hasEnded.wait()
        hasEnded.signal()
    }

    /// Until nobody has the other end open any more.
    private func read() {
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = Glibc.read(ownEnd, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes.withLock { $0 += chunk[..<count] }
        }
        close(ownEnd)
        hasEnded.signal()
    }
}
