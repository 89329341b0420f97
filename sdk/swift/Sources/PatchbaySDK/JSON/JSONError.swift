/// Why a JSON text could not be read, or does not have the shape that was asked for.
///
/// Thrown out of a handler it becomes `Outcome.reject`: the event is bad, and no further attempt would change that.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of errors; more may follow.
    public struct Code: Sendable, Equatable {
        let name: String
        /// Not JSON; `offset` says where.
        public static let syntax = Code(name: "syntax")
        /// Nested deeper than 128 levels.
        public static let depth = Code(name: "depth")
        /// JSON of another type than asked for; `path` says where.
        public static let type = Code(name: "type")
        /// A required member is missing; `path` says which.
        public static let missing = Code(name: "missing")
        /// A `Decodable` type found the value unfit; `path` says which.
        public static let value = Code(name: "value")
    }

    /// What kind of error it is.
    public let code: Code
    /// What is wrong, for people.
    public let message: String
    /// Bytes from the start of the text, for `syntax` and `depth`; otherwise nil.
    public let offset: Int?
    /// Names and indexes from the outermost value, such as `lines[2].price`; empty for the value itself.
    public let path: String

    /// An error of a reader of one's own.
    public init(code: Code, message: String, offset: Int? = nil, path: String = "") {
        self.code = code
        self.message = message
        self.offset = offset
        self.path = path
    }

    /// The message with its place.
    public var description: String {
        let place = offset.map { " at byte \($0)" } ?? (path.isEmpty ? "" : " at \(path)")
        return "\(message)\(place)"
    }
}
