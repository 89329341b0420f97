import HandlerKit
import PatchbaySDK

/// The configuration that the three handlers share: the manifest's schema has checked it and filled its defaults in.
struct NotificationConfiguration: Decodable, Sendable {
    struct Email: Decodable, Sendable {
        enum Encryption: String, Decodable, Sendable {
            case required
            case whereOffered
            case fromTheStart
        }

        var server: String
        var encryption: Encryption
        var user: String?
        var password: String?
        var from: String
        var to: [String]
        var subject: String
        var text: String?
        var html: String?
        var timeoutSeconds: Double
    }

    struct Slack: Decodable, Sendable {
        var url: String
        var text: String
        var channel: String?
        var username: String?
        var iconEmoji: String?
        var timeoutSeconds: Double
    }

    struct Webhook: Decodable, Sendable {
        var url: String
        var method: String
        var headers: [String: String]
        var body: String?
        var timeoutSeconds: Double
    }

    struct Digest: Decodable, Sendable {
        var limit: Int
        var intervalSeconds: Double
        var key: String
        var subject: String
        var text: String
    }

    var email: Email?
    var slack: Slack?
    var webhook: Webhook?
    var digest: Digest?

    /// A section that a handler cannot do without. Throws `MissingSection`.
    func section<T>(_ name: String, _ section: T?) throws(MissingSection) -> T {
        guard let section else { throw MissingSection(name: name) }
        return section
    }
}

/// A handler is routed to, and the configuration lacks its section.
struct MissingSection: Error, CustomStringConvertible {
    let name: String

    var description: String { "notification.\(name) needs the section '\(name)' in the module's config" }
}
