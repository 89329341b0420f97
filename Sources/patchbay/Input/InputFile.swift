import Glibc

/// A file, or standard input, that is read from its start to its end.
struct InputFile: ~Copyable {
    /// What messages call it.
    let name: String
    let descriptor: Int32

    /// Why it cannot be read.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// - Parameter path: `-` is standard input.
    init(_ path: String) throws(Failure) {
        name = path == "-" ? "standard input" : path
        descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            throw Failure(description: "\(path) cannot be opened: \(String(cString: strerror(errno)))")
        }
    }

    deinit { if descriptor > STDERR_FILENO { close(descriptor) } }

    /// What comes next, at most `bytesMax`; empty at the end.
    func read(upTo bytesMax: Int = 64 << 10) throws(Failure) -> [UInt8] {
        var number: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: bytesMax) { buffer, count in
            var got: Int
            repeat { got = Glibc.read(descriptor, buffer.baseAddress, bytesMax) } while got < 0 && errno == EINTR
            if got < 0 { number = errno }
            count = max(0, got)
        }
        if number != 0 { throw Failure(description: "\(name) cannot be read: \(String(cString: strerror(number)))") }
        return bytes
    }

    /// The rest of it; fails when that is longer than `bytesMax`.
    func rest(bytesMax: Int = 64 << 20) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let next = try read()
            if next.isEmpty { return bytes }
            bytes += next
            guard bytes.count <= bytesMax else {
                throw Failure(description: "\(name) is longer than \(bytesMax >> 20) MiB; write one event a line")
            }
        }
    }
}
