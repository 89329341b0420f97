/// Why a line could not be appended.
struct AuditError: Error, Equatable, CustomStringConvertible {
    enum Code: String {
        /// A system call failed.
        case io
        /// Somebody else writes to this log.
        case locked
        /// What is in the folder is no log of this kind.
        case damaged
        case hash
    }

    let code: Code
    let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The code, then the words.
    var description: String { "\(code.rawValue): \(message)" }
}
