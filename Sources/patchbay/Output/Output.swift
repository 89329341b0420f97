import ArgumentParser
import Glibc
import PatchbayEvents
import Synchronization

/// Where text goes: results to standard output, everything else to standard error.
enum Output {
    static func line(_ text: String) { write(text + "\n", to: STDOUT_FILENO) }
    static func error(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

    /// One line of JSON on standard output.
    static func json(_ value: Value) { line(String(decoding: value.json, as: UTF8.self)) }

    /// Says on standard error why a command fails; throw what it returns.
    static func failure(_ message: String, code: Int32) -> ExitCode {
        error("\(Style(for: STDERR_FILENO).red("error:")) \(message)")
        return ExitCode(code)
    }

    /// Whether a person looks at `file` and has nothing against colour.
    static func isTerminal(_ file: Int32) -> Bool {
        let refusesColour = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
        return isatty(file) == 1 && !refusesColour && getenv("TERM").map { String(cString: $0) } != "dumb"
    }

    /// Whether standard output refused something, as a full disk does.
    static var hasFailed: Bool { failure.load(ordering: .relaxed) != 0 }
    /// Why it did.
    static var failureReason: String { String(cString: strerror(failure.load(ordering: .relaxed))) }
    /// The first `errno`, 0 while there is none.
    private static let failure = Atomic<Int32>(0)

    /// Writes all of it; a reader that has gone away is not an error of ours.
    static func write(_ text: String, to file: Int32) {
        var text = text
        text.withUTF8 { write($0, to: file) }
    }

    /// Bytes as they are, to standard output.
    static func bytes(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { write($0, to: STDOUT_FILENO) } }

    private static func write(_ bytes: UnsafeBufferPointer<UInt8>, to file: Int32) {
        var written = 0
        while written < bytes.count {
            let count = Glibc.write(file, bytes.baseAddress?.advanced(by: written), bytes.count - written)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                if file == STDOUT_FILENO, errno != EPIPE, !hasFailed { failure.store(errno, ordering: .relaxed) }
                return
            }
            written += count
        }
    }
}

extension String {
    /// Without characters that move a terminal's cursor or change its state; line ends stay.
    var printable: String {
        var text = ""
        for scalar in unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control && scalar != "\n"
            text.unicodeScalars.append(isControl ? "\u{FFFD}" : scalar)
        }
        return text
    }

    /// `1 route`, `2 routes`.
    static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
