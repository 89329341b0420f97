/// A message, and the server that takes it on.
public struct Mail: Sendable {
    /// Whether the way to the server is encrypted.
    public enum Encryption: Sendable {
        /// By STARTTLS; a server that does not offer it gets nothing.
        case required
        /// By STARTTLS where the server offers it.
        case whereOffered
        /// From the first byte on (SMTPS).
        case fromTheStart
    }

    /// A name, or an address, and maybe a port: `mail.example.com:587`.
    public var server: String
    /// How the server is spoken to.
    public var encryption = Encryption.required
    /// Who sends, by name and password; nil: no authentication.
    public var login: (user: String, password: String)?
    /// The sender's address, as `a@example.com`.
    public var from: String
    /// Addresses, at least one.
    public var recipients: [String]
    /// Headers, an empty line and the body, as RFC 5322 has them, with CRLF.
    public var content: [UInt8]
    /// For the whole exchange; the call's deadline ends it, too.
    public var timeout: Duration = .seconds(30)

    /// A message that goes out encrypted, without authentication.
    public init(server: String, from: String, recipients: [String], content: [UInt8]) {
        self.server = server
        self.from = from
        self.recipients = recipients
        self.content = content
    }

    var url: String { "\(encryption == .fromTheStart ? "smtps" : "smtp")://\(server)" }
}
