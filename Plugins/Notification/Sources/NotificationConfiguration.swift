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
}
