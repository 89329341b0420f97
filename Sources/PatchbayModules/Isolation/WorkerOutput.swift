import Glibc
import Logging

/// What a worker writes to one of its streams, made into log records line by line. One thread.
struct WorkerOutput {
    private let file: Int32
    private let level: Logger.Level
    private let stream: String
    private var line: [UInt8] = []
    /// Longer lines are cut in two.
    private static let lineBytesMax = 16 << 10

    init(_ file: Int32, _ stream: String, level: Logger.Level) {
        (self.file, self.stream, self.level) = (file, stream, level)
    }

    /// Takes what is there, a little at a time; false at the stream's end.
    mutating func read(to logger: Logger) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        let count = Glibc.read(file, &chunk, chunk.count)
        if count < 0 { return errno == EAGAIN || errno == EINTR }
        guard count > 0 else {
            finish(to: logger)
            return false
        }
        for byte in chunk[..<count] {
            if byte == 0x0A || line.count == Self.lineBytesMax { finish(to: logger) }
            if byte != 0x0A { line.append(byte) }
        }
        return true
    }

    private mutating func finish(to logger: Logger) {
        guard !line.isEmpty else { return }
        logger.log(level: level, "\(String(decoding: line, as: UTF8.self))", metadata: ["stream": .string(stream)])
        line = []
    }
}
