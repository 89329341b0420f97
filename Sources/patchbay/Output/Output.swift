import Glibc

/// Where text goes: results to standard output, everything else to standard error.
enum Output {
    static func line(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }
    static func error(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    static func bytes(_ bytes: [UInt8]) { write(String(decoding: bytes, as: UTF8.self) + "\n", to: STDOUT_FILENO) }

    static func isTerminal(_ file: Int32) -> Bool {
        isatty(file) == 1 && getenv("NO_COLOR") == nil && getenv("TERM").map { String(cString: $0) } != "dumb"
    }

    /// Writes all of it; a reader that has gone away is not an error of ours.
    static func write(_ text: String, to file: Int32) {
        var text = text
        text.withUTF8 { bytes in
            var written = 0
            while written < bytes.count {
                let count = Glibc.write(file, bytes.baseAddress?.advanced(by: written), bytes.count - written)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                written += count
            }
        }
    }
}
